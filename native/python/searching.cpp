// Strategies by name, what they have come to, races, and learning from executions of other processes.
#include "searching.hpp"

#include <algorithm>
#include <cstring>

namespace unblink {

Strategy* strategy_named(const char* name) {
  if (std::strcmp(name, "directed") == 0) return &G.directed;
  if (std::strcmp(name, "steered") == 0) return &G.steered;
  if (std::strcmp(name, "dpor") == 0) return &G.dpor;
  auto& slot = G.strategies[name];
  if (!slot) slot = make_strategy(name, G.engine.knowledge());
  if (!slot) PyErr_Format(PyExc_ValueError, "unknown strategy %s", name);
  return slot.get();
}

// (whether every interleaving was run, how many distinct ones, how many executions were equal to earlier ones, whether it failed to
// follow its own schedules), of the strategy `dpor`
PyObject* proof(PyObject*, PyObject*) {
  return Py_BuildValue("(OKKO)", G.dpor.finished() && !G.engine.learned_points() ? Py_True : Py_False, static_cast<unsigned long long>(G.dpor.interleavings()),
                       static_cast<unsigned long long>(G.dpor.redundant()), G.dpor.diverged() ? Py_True : Py_False);
}

// steer(before, held, until): what the strategy `steered` is to bring about (flip.hpp); zeros for the default order
PyObject* steer(PyObject*, PyObject* args) {
  Target target;
  if (!PyArg_ParseTuple(args, "III:steer", &target.before, &target.held, &target.until)) return nullptr;
  G.steered.steer(target);
  Py_RETURN_NONE;
}

// prepare(strategy, seed): decides what the next execution under it is to try, which then is in a forked child
PyObject* prepare(PyObject*, PyObject* args) {
  const char* name;
  StrategyOptions options;
  unsigned long long seed;
  if (!PyArg_ParseTuple(args, "sK:prepare", &name, &seed)) return nullptr;
  Strategy* strategy = strategy_named(name);
  if (strategy == nullptr) return nullptr;
  options.seed = seed;
  strategy->prepare(options);
  Py_RETURN_NONE;
}

// take_log(most): the last execution's log as bytes, for take_in() of another process; operations at sites from `most`
// on, which that process does not know, are left out
PyObject* take_log(PyObject*, PyObject* number) {
  const unsigned long most = PyLong_AsUnsignedLong(number);
  if (PyErr_Occurred()) return nullptr;
  Log kept;
  for (const Happened& now : G.engine.log())
    if (now.site < most) kept.push_back(now);
  const std::vector<TaskId> parents = G.engine.parents();
  return Py_BuildValue("(y#y#)", reinterpret_cast<const char*>(kept.data()), static_cast<Py_ssize_t>(kept.size() * sizeof(Happened)),
                       reinterpret_cast<const char*>(parents.data()), static_cast<Py_ssize_t>(parents.size() * sizeof(TaskId)));
}

// take_in(strategy, log, parents): learns from an execution of another process
PyObject* take_in(PyObject*, PyObject* args) {
  const char *name, *log_bytes, *parent_bytes;
  Py_ssize_t log_size, parent_size;
  if (!PyArg_ParseTuple(args, "sy#y#:take_in", &name, &log_bytes, &log_size, &parent_bytes, &parent_size)) return nullptr;
  Strategy* strategy = strategy_named(name);
  if (strategy == nullptr) return nullptr;
  Log log(static_cast<std::size_t>(log_size) / sizeof(Happened));
  std::vector<TaskId> parents(static_cast<std::size_t>(parent_size) / sizeof(TaskId));
  std::copy_n(log_bytes, log.size() * sizeof(Happened), reinterpret_cast<char*>(log.data()));
  std::copy_n(parent_bytes, parents.size() * sizeof(TaskId), reinterpret_cast<char*>(parents.data()));
  G.engine.take_in(*strategy, log, parents);
  Py_RETURN_NONE;
}

}  // namespace unblink
