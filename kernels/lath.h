// All of Lath for C++: devices, the engine, packs, the tile language.
//
//   lath::Engine engine(lath::openCuda());
//   lath::Kernel kernel = engine.gemm({.m = 16, .n = 4096, .k = 4096});
//   kernel.launch(stream, {.x = x, .qweight = w, .scales = s, .out = out});
//
// Includes no header of LLVM, MLIR or CUDA. lath_c.h is its twin in C.
#pragma once

#include "kernels/choose/ScheduleChoice.h"
#include "kernels/engine/Engine.h"
#include "kernels/gemm/CompileGemm.h"
#include "kernels/pack/Models.h"
#include "kernels/pack/Pack.h"
#include "kernels/pack/PackWriter.h"
#include "kernels/weights/PackedWeights.h"
#include "runtime/CudaDevice.h"
#include "runtime/EmulatedDevice.h"
