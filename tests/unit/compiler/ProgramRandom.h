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

/// A view of random extents, strides and contents, an input or an output.
struct Array {
  View view;
  std::string name;
  Dtype dtype;
  Shape shape;
  bool output;
  /// Where each element lies, and how many places there are.
  std::vector<std::int64_t> offsets;
  std::int64_t room = 0;
  /// What it holds at the start, nothing known if empty; and at the end, where
  /// `written`.
  std::vector<double> initial, values;
  std::vector<bool> written;
  DevicePtr memory = 0;
};

/// A tile's place in an array.
struct Access {
  Array *array = nullptr;
  std::vector<At> at;
  Shape tile;
  /// Of each element of the tile the element of the array, -1 outside.
  std::vector<std::int64_t> places;
  bool gathers = false;

  /// Whether no two elements have one place.
  bool isDistinct() const;
  /// Whether those that have one place are equal.
  bool agrees(const std::vector<double> &values) const;
  /// What a load gives.
  std::vector<double> read(double outside = 0) const;
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
/// The bits of a number.
std::uint64_t encoded(double value, Dtype dtype);
/// That values stay small in, because it has few bits or none to spare.
bool isLimited(Dtype dtype);
/// What they stay below then.
double limitOf(Dtype dtype);

class RandomProgram {
public:
  explicit RandomProgram(unsigned seed, const Target &target)
      : target(&target), random(seed) {}

  Program p{"random"};
  const Target *target;
  int warps = 4;
  std::mt19937 random;
  std::vector<Known> known;
  std::string history; ///< calls so far, for a failure's message

  int number(int least, int most);
  bool chance(double probability);
  Dtype floatType();
  /// Of a view.
  Dtype anyType();

  /// `initial`: what it holds at the start; else an input has anything, and of
  /// an output nothing is known.
  Array &array(Dtype dtype, const Shape &shape, bool output,
               std::vector<double> initial = {});
  /// An argument of the launch.
  Index scalar(std::int64_t value, std::int64_t multipleOf = 1);
  /// The elements of an array in a tile from `start`, zero outside.
  static std::vector<double> read(const Array &array, const Shape &tile,
                                  const Shape &start);

  /// Appends a random operation on random known tiles.
  void step();
  void load();
  /// A loop over K that adds up tiles, perhaps with a reduction inside.
  void loop();
  void nestedLoop();
  void dot();
  /// Stores a tile somewhere in a new array.
  void store(const Known &value);

  /// Compiles, runs on the emulator, compares every output. Empty, or what
  /// is wrong. Runs twice, for what a launch leaves to the next one.
  std::string problem(const CompileOptions &options,
                      std::array<unsigned, 3> grid = {1, 1, 1});

private:
  std::vector<std::unique_ptr<Array>> arrays;
  /// Names and bits.
  std::vector<std::pair<std::string, std::uint64_t>> scalars;

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

  using MakeArray = std::function<Array &(const Shape &)>;
  /// A place for a tile in an array of fitting extents that `make` makes: of
  /// ranges, single indices and gathered coordinates, all of them distinct on
  /// demand.
  Access access(const Shape &tile, bool distinct, const MakeArray &make);
  std::pair<Range, std::int64_t> rangeIn(std::int64_t extent,
                                         std::int64_t size);
  Known coordinates(const Shape &shape, std::int64_t extent, bool distinct);
  /// A number or an argument.
  Extent extent(std::int64_t value);
  /// A number that the program comes by in one way or other; if `hidden` in
  /// none that the compiler sees through.
  Index index(std::int64_t value, bool hidden = false);
  /// Words of a loop's own, or none.
  std::string loopWords();
  /// A condition, and whether it holds.
  std::pair<Bool, bool> decision();
  /// Numbers that a type holds.
  std::vector<double> contents(Dtype dtype, std::int64_t count);

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
  void positions();
  /// Several tiles and an index around a loop whose bounds are arguments.
  void carriedLoop();
  void branch();
  /// An argument that is a number.
  void argument();
  void words();
  void check();
  void atomic();
  /// Counts in a loop.
  void histogram();
  /// Adds up rows whose numbers are data.
  void gatherLoop();
  /// A loop that stores.
  void storeLoop();
};

} // namespace lath::test
