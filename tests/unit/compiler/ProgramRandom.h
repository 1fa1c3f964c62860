// Random programs with the results they should have.
//
// Every tile is kept together with its values, computed on the host. Values
// are small whole numbers, so that every type and every order of additions
// gives them exactly and results compare bit by bit.
#pragma once

#include "compiler/Compile.h"
#include "runtime/EmulatedDevice.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace lath::test {

/// A tile and what it should hold, row-major.
struct Known {
  Tile tile;
  std::vector<double> values;
};

/// A view of random extents and contents, an input or an output.
struct Array {
  View view;
  std::string name;
  Dtype dtype;
  Shape shape;
  bool output;
  /// What it holds at the start; at the end, where `written`.
  std::vector<double> values;
  std::vector<bool> written;
  DevicePtr memory = 0;
};

/// Calls `visit(flat index, coordinates)` for all elements of a shape.
void forEach(const Shape &shape,
             const std::function<void(std::int64_t, Shape &)> &visit);
std::int64_t elements(const Shape &shape);
/// Row-major index, -1 outside.
std::int64_t indexOf(const Shape &shape, const Shape &coordinates);

class RandomProgram {
public:
  explicit RandomProgram(unsigned seed) : random(seed) {}

  Program p{"random"};
  std::mt19937 random;
  std::vector<Known> known;
  std::string history; ///< calls so far, for a failure's message

  int number(int least, int most);
  bool chance(double probability);
  Dtype floatType();

  Array &array(Dtype dtype, const Shape &shape, bool output);
  /// The elements of an array at a tile's place, zero outside.
  static std::vector<double> read(const Array &array, const Shape &tile,
                                  const Shape &start);

  /// Appends a random operation on random known tiles.
  void step(int warps);
  void load();
  /// A loop over K that adds up tiles, perhaps with a reduction inside.
  void loop();
  void nestedLoop();
  void dot(int warps);
  /// Stores a tile somewhere in a new array.
  void store(const Known &value);

  /// Compiles, runs on the emulator, compares every output. Empty, or what
  /// is wrong. Runs twice, for what a launch leaves to the next one.
  std::string problem(const CompileOptions &options,
                      std::array<unsigned, 3> grid = {1, 1, 1});

private:
  struct Place {
    std::vector<At> ranges;
    Shape start;
  };
  std::vector<std::unique_ptr<Array>> arrays;
  std::vector<std::pair<std::string, std::int64_t>> scalars;

  const Known &any() { return known[number(0, (int)known.size() - 1)]; }
  Known asF32(Known value);
  void addClamped(Tile tile, std::vector<double> values);
  Shape tileShape(int rank, int bits);
  Shape around(const Shape &tile);
  Place place(const Shape &tile, const Shape &extents);
  void elementwise();
  void broadcast();
  void reduce();
  void reshape();
};

} // namespace lath::test
