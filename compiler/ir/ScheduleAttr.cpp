// `#tile.schedule`: words of a schedule in the IR, and the question which of
// them hold for an operation.
#include "compiler/ir/Tile.h"

#include "compiler/base/Nearest.h"
#include "compiler/base/Target.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace lath::tile;
using lath::KernelWord;
using lath::TargetSchedule;
using lath::WordOwner;

static StringRef ref(std::string_view text) {
  return {text.data(), text.size()};
}

static const lath::Target *findTarget(StringRef name) {
  for (const lath::Target &target : lath::targets())
    if (name == target.name)
      return &target;
  return nullptr;
}

ScheduleAttr ScheduleAttr::get(MLIRContext *context,
                               const TargetSchedule &schedule) {
  SmallVector<std::pair<unsigned, int>> words;
  const lath::KernelSchedule usual;
  for (auto [i, word] : llvm::enumerate(lath::kernelWords())) {
    const int value = word.get(schedule);
    const bool always = word.omitted < 0 && !word.follows;
    if (always || value != word.get(usual))
      words.push_back({i, value});
  }
  return get(context, words, schedule.rows, schedule.target->name);
}

ScheduleAttr ScheduleAttr::get(MLIRContext *context,
                               ArrayRef<lath::SaidWord> said) {
  SmallVector<std::pair<unsigned, int>> words;
  for (const lath::SaidWord &each : said)
    words.push_back({each.word - lath::kernelWords().data(), each.value});
  return get(context, words, /*rows=*/0, /*target=*/"");
}

void ScheduleAttr::apply(TargetSchedule &schedule) const {
  for (auto [word, value] : getWords())
    lath::kernelWords()[word].set(schedule, value);
  if (getRows())
    schedule.rows = getRows();
  if (!getTarget().empty())
    schedule.target = findTarget(getTarget());
}

void ScheduleAttr::print(AsmPrinter &printer) const {
  printer << "<";
  StringRef comma = "";
  auto next = [&](std::string_view name) {
    printer << comma << ref(name) << " = ";
    comma = ", ";
  };
  for (auto [i, value] : getWords()) {
    const KernelWord &word = lath::kernelWords()[i];
    next(word.name);
    const std::string text = word.text(value);
    if (llvm::isDigit(text.front()))
      printer << text;
    else
      printer.printKeywordOrString(text);
  }
  if (getRows()) {
    next("rows");
    printer << getRows();
  }
  if (!getTarget().empty()) {
    next("target");
    printer.printKeywordOrString(getTarget());
  }
  printer << ">";
}

/// "none", "atomic-out" in quotes, or 0 and 1.
static FailureOr<int> parseValue(AsmParser &parser, const KernelWord &word) {
  int64_t number = 0;
  auto parsed = parser.parseOptionalInteger(number);
  if (parsed.has_value() && failed(*parsed))
    return failure();
  if (word.isNumber() && parsed.has_value())
    return static_cast<int>(std::clamp<int64_t>(number, INT32_MIN, INT32_MAX));
  SMLoc at = parser.getCurrentLocation();
  std::string text = std::to_string(number);
  if (!parsed.has_value() && parser.parseKeywordOrString(&text))
    return failure();
  for (auto [value, each] : llvm::enumerate(word.texts))
    if (text == each)
      return static_cast<int>(value);
  if (word.isNumber())
    return parser.emitError(at, "expected a number, got ") << text;
  return parser.emitError(at, "expected one of ")
         << llvm::join(llvm::map_range(word.texts, ref), ", ") << ", got "
         << text;
}

Attribute ScheduleAttr::parse(AsmParser &parser, Type) {
  SmallVector<std::pair<unsigned, int>> words;
  SmallVector<StringRef> said;
  int32_t rows = 0;
  std::string target;
  auto parseOne = [&]() -> ParseResult {
    SMLoc at = parser.getCurrentLocation();
    StringRef name;
    if (parser.parseKeyword(&name) || parser.parseEqual())
      return failure();
    if (llvm::is_contained(said, name))
      return parser.emitError(at, "") << name << " is said twice";
    said.push_back(name);
    if (name == "rows")
      return parser.parseInteger(rows);
    if (name == "target") {
      SMLoc targetAt = parser.getCurrentLocation();
      if (parser.parseKeywordOrString(&target))
        return failure();
      if (!findTarget(target))
        return parser.emitError(targetAt, "no target ") << target;
      return success();
    }
    SmallVector<std::string_view> names;
    for (auto [i, word] : llvm::enumerate(lath::kernelWords())) {
      names.push_back(word.name);
      if (name != ref(word.name))
        continue;
      FailureOr<int> value = parseValue(parser, word);
      if (failed(value))
        return failure();
      words.push_back({i, *value});
      return success();
    }
    return parser.emitError(at, "no word ")
           << name << " of a schedule; the nearest is "
           << ref(lath::nearest(std::string_view(name), names));
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater,
                                     parseOne))
    return {};
  return get(parser.getContext(), words, rows, target);
}

TargetSchedule lath::tile::scheduleOf(Operation *op) {
  SmallVector<ScheduleAttr, 3> found;
  for (; op; op = op->getParentOp())
    if (auto words = op->getAttrOfType<ScheduleAttr>(scheduleAttrName))
      found.push_back(words);
  TargetSchedule schedule;
  schedule.target = &lath::targets().front();
  for (ScheduleAttr words : llvm::reverse(found))
    words.apply(schedule);
  return schedule;
}

LogicalResult TileDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  if (attribute.getName() != scheduleAttrName)
    return success();
  auto words = dyn_cast<ScheduleAttr>(attribute.getValue());
  if (!words)
    return op->emitError("expected a #tile.schedule, got ")
           << attribute.getValue();
  const bool kernel = isa<FunctionOpInterface>(op), loop = isa<scf::ForOp>(op);
  if (!kernel && !loop && !isa<DotOp>(op))
    return op->emitError("only a kernel, a loop or a dot has a schedule");
  const WordOwner owner = kernel ? WordOwner::kernel
                          : loop ? WordOwner::loop
                                 : WordOwner::dot;
  for (auto [i, value] : words.getWords())
    if (const KernelWord &word = lath::kernelWords()[i]; word.owner < owner)
      return op->emitError("")
             << ref(word.name) << " is a word of the "
             << ref(lath::name(word.owner)) << "; a " << ref(lath::name(owner))
             << " has none of its own";
  if (!kernel && (words.getRows() || !words.getTarget().empty()))
    return op->emitError("rows and target are the kernel's");
  const TargetSchedule schedule = scheduleOf(op);
  std::string why = lath::contradiction(schedule);
  if (why.empty())
    why = lath::lacking(schedule, *schedule.target);
  if (why.empty())
    why = lath::conflict(schedule);
  return why.empty() ? success() : op->emitError(why);
}
