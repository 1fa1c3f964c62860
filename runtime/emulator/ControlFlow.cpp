// Post-dominators by the iteration of Cooper, Harvey and Kennedy ("A simple,
// fast dominance algorithm"), on the reversed graph of basic blocks.
#include "runtime/emulator/ControlFlow.h"
#include "compiler/base/Error.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace lath::emulator {

namespace {

int findLabel(const Module &m, const Statement &s, const std::string &name) {
  for (int scope = s.scope; scope >= 0; scope = m.scopeParent[scope])
    for (const Label &label : m.labels)
      if (label.scope == scope && label.name == name)
        return static_cast<int>(label.target);
  throw Error(ErrorKind::compile,
              fmt::format("PTX line {}: there is no label {}: {};", s.line,
                          name, s.text));
}

bool endsThread(const Module &m, const Instruction &i) {
  const std::string &name = m.statements[i.statement].name[0];
  return i.guard < 0 && (name == "ret" || name == "exit" || name == "trap");
}

struct Graph {
  std::vector<int> first;                   ///< instruction, by block
  std::vector<std::vector<int>> successors; ///< the last block is the exit
};

Graph blocksOf(const Program &program) {
  const auto &code = program.code;
  int n = static_cast<int>(code.size());
  std::set<int> starts{0, n};
  for (int pc = 0; pc < n; ++pc)
    if (code[pc].branches) {
      starts.insert(pc + 1);
      if (code[pc].target >= 0)
        starts.insert(code[pc].target);
    }
  Graph g;
  g.first.assign(starts.begin(), starts.end());
  auto blockOf = [&](int pc) {
    return static_cast<int>(
        std::lower_bound(g.first.begin(), g.first.end(), pc) - g.first.begin());
  };
  int exit = static_cast<int>(g.first.size()) - 1;
  g.successors.resize(g.first.size());
  for (int b = 0; b < exit; ++b) {
    int last = g.first[b + 1] - 1;
    const Instruction &i = code[last];
    auto &next = g.successors[b];
    if (i.target >= 0)
      next.push_back(blockOf(i.target));
    if (endsThread(program.module, i))
      next.push_back(exit);
    else if (!(i.target >= 0 && i.guard < 0))
      next.push_back(b + 1);
    if (i.branches && i.target < 0 && i.guard >= 0) // a guarded ret
      next.push_back(exit);
  }
  return g;
}

/// Immediate post-dominators by block; -1 where no path leads to the exit.
std::vector<int> postDominators(const Graph &g) {
  int count = static_cast<int>(g.first.size()), exit = count - 1;
  std::vector<std::vector<int>> predecessors(count);
  for (int b = 0; b < count; ++b)
    for (int s : g.successors[b])
      predecessors[s].push_back(b);
  // Post-order of a walk from the exit over reversed edges.
  std::vector<int> order, number(count, -1), state(count, 0);
  std::vector<int> stack{exit};
  std::vector<std::size_t> child(count, 0);
  state[exit] = 1;
  while (!stack.empty()) {
    int b = stack.back();
    if (child[b] < predecessors[b].size()) {
      int p = predecessors[b][child[b]++];
      if (!state[p]) {
        state[p] = 1;
        stack.push_back(p);
      }
    } else {
      number[b] = static_cast<int>(order.size());
      order.push_back(b);
      stack.pop_back();
    }
  }
  std::vector<int> idom(count, -1);
  idom[exit] = exit;
  auto meet = [&](int a, int b) {
    while (a != b) {
      while (number[a] < number[b])
        a = idom[a];
      while (number[b] < number[a])
        b = idom[b];
    }
    return a;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (auto b = order.rbegin(); b != order.rend(); ++b) {
      if (*b == exit)
        continue;
      int best = -1;
      for (int s : g.successors[*b])
        if (idom[s] >= 0)
          best = best < 0 ? s : meet(best, s);
      if (best != idom[*b]) {
        idom[*b] = best;
        changed = true;
      }
    }
  }
  return idom;
}

} // namespace

void resolveBranches(Program &program) {
  const Module &m = program.module;
  for (Instruction &i : program.code) {
    const Statement &s = m.statements[i.statement];
    if (s.name[0] == "bra")
      i.target = findLabel(m, s, s.operands.at(0).name);
  }
  Graph g = blocksOf(program);
  std::vector<int> idom = postDominators(g);
  int exit = static_cast<int>(g.first.size()) - 1;
  for (int b = 0; b < exit; ++b) {
    Instruction &last = program.code[g.first[b + 1] - 1];
    if (last.branches)
      last.join = idom[b] < 0 || idom[b] == exit ? -1 : g.first[idom[b]];
  }
}

} // namespace lath::emulator
