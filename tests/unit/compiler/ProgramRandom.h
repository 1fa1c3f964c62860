// Random programs with the results they should have.
//
// Every tile is kept together with its values, computed on the host. Values
// are small whole numbers, so that every float type and every order of
// additions gives them exactly, or integers that wrap around; results compare
// bit by bit.
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

  const Shape &shape() const { return tile.shape(); }
  Dtype dtype() const { return tile.dtype(); }
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
/// Coordinates, each moved.
Shape moved(Shape coordinates, const Shape &by);
/// A whole number as a type holds it: integers wrap around.
double held(Dtype dtype, std::int64_t value);
/// That values stay small in, because it has few bits or none to spare.
bool isLimited(Dtype dtype);
/// What they stay below then.
double limitOf(Dtype dtype);

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
  /// Of a view.
  Dtype anyType();

  Array &array(Dtype dtype, const Shape &shape, bool output);
  /// An argument of the launch.
  Index scalar(std::int64_t value);
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
  /// One that can be computed with: not of 8-bit floats.
  Known plain();
  Known integer();
  /// A condition of a shape.
  Known condition(const Shape &shape);
  /// Something of a type that broadcasts to a shape.
  Known beside(const Shape &shape, Dtype dtype);
  Known asType(Known value, Dtype dtype);
  /// Keeps a result, after it is made small in types that hold few numbers.
  void add(Tile tile, std::vector<double> values);
  Known limited(Known value, double most);
  static std::vector<double> repeated(const Known &value, const Shape &shape);
  Shape tileShape(int rank, int bits);
  Shape around(const Shape &tile);
  Place place(const Shape &tile, const Shape &extents);

  void arithmetic();
  void bits();
  void compare();
  void select();
  void castTo();
  void broadcast();
  void reduce();
  void order();
  void scan();
  void reshape();
  void permute();
  void joinOrSplit();
  void slice();
  void coordinates();
  /// Several tiles and an index around a loop whose bounds are arguments.
  void carriedLoop();
  void branch();
};

} // namespace lath::test
