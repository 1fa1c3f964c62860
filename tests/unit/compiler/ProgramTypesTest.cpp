// Protects: the language answers for its own types, and takes no other for one
// of them.
#include "compiler/dsl/ProgramImpl.h"
#include "tests/unit/ErrorOf.h"

#include <catch2/catch.hpp>

using namespace lath;
using namespace lath::test;

TEST_CASE("a tile of a type that the language has not is refused") {
  Program p("types");
  ProgramImpl &impl = p.impl();
  auto tileOf = [&](mlir::Type type) {
    return impl.wrap(impl.function.getBody().addArgument(
        mlir::RankedTensorType::get({16}, type), impl.loc()));
  };
  for (Dtype dtype :
       {Dtype::u4, Dtype::s8, Dtype::i32, Dtype::f16, Dtype::bf16, Dtype::f32})
    CHECK(tileOf(impl.type(dtype)).dtype() == dtype);
  Error error = errorOf([&] { tileOf(impl.builder.getF64Type()); });
  CHECK(error.kind() == ErrorKind::internal);
  CHECK(std::string(error.what()) ==
        "expected elements u4, s8, i32, f16, bf16 or f32, got f64");
}
