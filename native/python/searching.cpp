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

// ---- the strategy `directed`

namespace {

bool read_path(PyObject* tuple, std::vector<std::int32_t>& path) {
  if (!PyTuple_Check(tuple)) {
    PyErr_SetString(PyExc_TypeError, "a task's path is a tuple of ints");
    return false;
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i)
    path.push_back(static_cast<std::int32_t>(PyLong_AsLong(PyTuple_GET_ITEM(tuple, i))));
  return !PyErr_Occurred();
}

}  // namespace

// direct([(task path, site, occurrence, to path or None for the clock), ...])
PyObject* direct(PyObject*, PyObject* rows) {
  PyObject* list = PySequence_Fast(rows, "directives must be a sequence");
  if (list == nullptr) return nullptr;
  std::vector<Directive> directives;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list); ++i) {
    PyObject *task, *to;
    unsigned int site, occurrence;
    Directive d;
    if (!PyArg_ParseTuple(PySequence_Fast_GET_ITEM(list, i), "OIIO:directive", &task, &site, &occurrence, &to) ||
        !read_path(task, d.task) || (to != Py_None && !read_path(to, d.to))) {
      Py_DECREF(list);
      return nullptr;
    }
    d.site = site;
    d.occurrence = occurrence;
    d.to_clock = to == Py_None;
    directives.push_back(std::move(d));
  }
  Py_DECREF(list);
  G.directed.direct(std::move(directives));
  Py_RETURN_NONE;
}

PyObject* bind(PyObject*, PyObject* args) {
  unsigned int directive, site;
  if (!PyArg_ParseTuple(args, "II:bind", &directive, &site)) return nullptr;
  G.directed.bind(directive, site);
  G.engine.heat(static_cast<SiteId>(site));
  Py_RETURN_NONE;
}

PyObject* missed(PyObject*, PyObject*) { return PyLong_FromLong(G.directed.first_missed()); }

// [(task, site, occurrence)]
PyObject* stall_places(PyObject*, PyObject*) {
  return list_of(G.directed.stall_places(), [](const StallPlace& p) { return Py_BuildValue("(iII)", p.task, p.site, p.occurrence); });
}

// (whether every interleaving was run, how many distinct ones, how many executions were equal to earlier ones, whether it failed to
// follow its own schedules, and where), of the strategy `dpor`
PyObject* proof(PyObject*, PyObject*) {
  return Py_BuildValue("(OKKOI)", G.dpor.finished() && !G.engine.learned_points() ? Py_True : Py_False, static_cast<unsigned long long>(G.dpor.interleavings()),
                       static_cast<unsigned long long>(G.dpor.redundant()), G.dpor.diverged() ? Py_True : Py_False, G.dpor.strayed_at());
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

// ([(first, second, about)], [(first, foreign, last, about)], where the systematic search stands): what was learned, by sites
PyObject* take_knowledge(PyObject*, PyObject*) {
  const Knowledge& knowledge = G.engine.knowledge();
  PyObject* pairs = list_of(knowledge.pairs(), [](const SitePair& p) { return Py_BuildValue("(IIi)", p.first, p.second, static_cast<int>(p.about)); });
  PyObject* triples = list_of(knowledge.triples(), [](const SiteTriple& t) {
    return Py_BuildValue("(IIIi)", t.first, t.foreign, t.last, static_cast<int>(t.about));
  });
  const std::vector<std::uint32_t> words = G.dpor.saved();
  PyObject* stand = PyBytes_FromStringAndSize(reinterpret_cast<const char*>(words.data()), static_cast<Py_ssize_t>(words.size() * sizeof(words[0])));
  return Py_BuildValue("(NNN)", pairs, triples, stand);
}

// give_knowledge(pairs, triples): what executions of another process have shown, by this one's sites
PyObject* give_knowledge(PyObject*, PyObject* args) {
  PyObject *pair_rows, *triple_rows;
  if (!PyArg_ParseTuple(args, "O!O!:give_knowledge", &PyList_Type, &pair_rows, &PyList_Type, &triple_rows)) return nullptr;
  const auto about = [](int number) { return static_cast<Conflict>(std::clamp(number, 0, static_cast<int>(Conflict::kProtected))); };
  std::vector<SitePair> pairs;
  std::vector<SiteTriple> triples;
  int number;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(pair_rows); ++i) {
    SitePair pair;
    if (!PyArg_ParseTuple(PyList_GET_ITEM(pair_rows, i), "IIi", &pair.first, &pair.second, &number)) return nullptr;
    pair.about = about(number);
    pairs.push_back(pair);
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(triple_rows); ++i) {
    SiteTriple triple;
    if (!PyArg_ParseTuple(PyList_GET_ITEM(triple_rows, i), "IIIi", &triple.first, &triple.foreign, &triple.last, &number)) return nullptr;
    triple.about = about(number);
    triples.push_back(triple);
  }
  G.engine.knowledge().recall(pairs, triples);
  Py_RETURN_NONE;
}

// restore_proof(bytes) -> whether the systematic search goes on from there
PyObject* restore_proof(PyObject*, PyObject* bytes) {
  if (!PyBytes_Check(bytes)) {
    PyErr_SetString(PyExc_TypeError, "bytes expected");
    return nullptr;
  }
  std::vector<std::uint32_t> words(static_cast<std::size_t>(PyBytes_GET_SIZE(bytes)) / sizeof(std::uint32_t));
  std::copy_n(PyBytes_AS_STRING(bytes), words.size() * sizeof(words[0]), reinterpret_cast<char*>(words.data()));
  return PyBool_FromLong(G.dpor.restore(words, G.engine.next_points_version()));
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
