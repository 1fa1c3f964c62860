// Sizes and names of a GEMM's operands.
#include "kernels/gemm/Operands.h"

namespace lath {

const GemmOperand *findOperand(std::string_view name) {
  for (const GemmOperand &operand : gemmOperands)
    if (operand.name == name)
      return &operand;
  return nullptr;
}

std::size_t operandBytes(const GemmOperand &operand, const GemmSpec &spec) {
  const OperandShape shape = operand.shape(spec);
  std::int64_t elements = 1;
  for (std::int64_t extent : shape.extents)
    elements *= extent == OperandShape::rows ? spec.m : extent;
  return static_cast<std::size_t>(elements) * bitWidth(shape.type) / 8;
}

std::string operandNames(const GemmSpec &spec) {
  std::string names;
  for (const GemmOperand &operand : gemmOperands)
    if (operand.has(spec)) {
      if (!names.empty())
        names += ", ";
      names += operand.name;
    }
  return names;
}

} // namespace lath
