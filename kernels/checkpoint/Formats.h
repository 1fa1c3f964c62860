// The readers of single formats: what the table in ReadLayer.cpp is made of.
#pragma once

#include "kernels/checkpoint/LayerTensors.h"
#include "kernels/checkpoint/ReadLayer.h"

namespace lath {

bool isGptq(const LayerTensors &);
LayerReadResult readGptq(const LayerTensors &, const LayerReadOptions &);

bool isAwqGemm(const LayerTensors &);
LayerReadResult readAwqGemm(const LayerTensors &, const LayerReadOptions &);
bool isAwqGemv(const LayerTensors &);
LayerReadResult readAwqGemv(const LayerTensors &, const LayerReadOptions &);
bool isAwqGemvFast(const LayerTensors &);

bool isPackQuantized(const LayerTensors &);
LayerReadResult readPackQuantized(const LayerTensors &,
                                  const LayerReadOptions &);

// What they share.

/// Converts scales to the type asked for, into `result.layer`. `from` [G, N]
/// or, `transposed`, [N, G]. Throws where one is not finite there; a warning
/// where any lost precision.
void takeScales(const LayerTensors &tensors, std::string_view part,
                const LayerReadOptions &options, bool transposed,
                LayerReadResult &result);
/// Throws, with `advice`, where the tensor `part`, the group of each k, is not
/// k / group: K must lie in the order of its groups.
void refuseActOrder(const LayerTensors &tensors, std::string_view part,
                    const GptqLayer &layer, std::string advice);
/// [rows, columns] to [columns, rows].
std::vector<std::uint32_t>
transposedWords(const std::vector<std::uint32_t> &words, std::size_t rows,
                std::size_t columns);
/// The nibble that all of `words` consist of; -1: they differ.
int uniformNibble(const std::vector<std::uint32_t> &words);
/// A warning where the configuration says another number than the tensors.
void compareWithRule(const LayerTensors &tensors, LayerReadResult &result);

} // namespace lath
