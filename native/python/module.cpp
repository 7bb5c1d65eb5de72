// unblink._native: what Python sees of the engine and the ground.
#include "buffered.hpp"
#include "databases.hpp"
#include "execution.hpp"
#include "hooks.hpp"
#include "loops.hpp"
#include "outside.hpp"
#include "foreign_loops.hpp"
#include "files.hpp"
#include "garbage.hpp"
#include "searching.hpp"
#include "semaphores.hpp"
#include "sites.hpp"
#include "swap.hpp"
#include "threads.hpp"
#include "watch.hpp"

#include <sys/time.h>
#include <time.h>

#include <cstring>

namespace unblink {
namespace {

const char* kOperations[] = {"start", "begin", "end", "join", "acquire", "try-acquire", "release", "get",
                             "put",   "sleep", "yield", "read", "write", "update", "stall", "select", "arrive", "await", "cancel", "touch", "resume", "call", "publish"};
static_assert(sizeof(kOperations) / sizeof(*kOperations) == static_cast<std::size_t>(Op::kCount));

PyObject* install(PyObject*, PyObject*) {
  if (G.installed) Py_RETURN_NONE;
  if (!check_layouts()) return nullptr;
  if (install_locks() && install_threads() && install_queue() && install_clocks() && install_entropy() && install_descriptors() &&
      install_sockets() && install_files() &&
      install_audit() &&
      install_introspection() && install_processes() && install_signals() && install_buffered() && install_semaphores() && install_garbage()) {
    G.installed = true;
    look_after_imported_databases();
    Py_RETURN_NONE;
  }
  restore_all();
  return nullptr;
}

PyObject* uninstall(PyObject*, PyObject*) {
  stop_watch();
  if (G.active) {
    PyErr_SetString(PyExc_RuntimeError, "an execution is active");
    return nullptr;
  }
  if (G.installed) restore_all();
  G.looks_after_sqlite = G.looks_after_tls = G.looks_after_asyncio = G.looks_after_foreign_loops = false;
  forget_births();
  G.installed = false;
  Py_RETURN_NONE;
}

PyObject* take_unhandled() {
  PyObject* list = PyList_New(0);
  for (const Unhandled& u : G.unhandled) {
    const auto none = [](PyObject* object) { return object ? object : Py_NewRef(Py_None); };
    PyObject* row = list ? Py_BuildValue("(iNNNN)", u.task, none(u.type), none(u.value), none(u.traceback), none(u.hook)) : nullptr;
    if (row == nullptr || PyList_Append(list, row) < 0) PyErr_Clear();
    Py_XDECREF(row);
  }
  G.unhandled.clear();
  return list;
}

bool execute_under(PyObject* body, Strategy& strategy, const RunOptions& options, ExecutionReport& report) {
  if (!execute(body, strategy, options, report)) return false;
  if (&strategy == &G.dpor && (G.engine.forced() > 0 || !G.engine.log_is_whole() || G.used_descriptors)) G.dpor.give_up();
  return true;
}

double real_seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The tasks that met. An event loop to which nothing can come late has one order only, however many asyncio tasks it runs.
std::size_t tasks_that_met() {
  const Engine& e = G.engine;
  if (e.choices() > 0 || e.shortest_stall() != kForever || e.could_cancel()) return e.task_count();
  std::size_t threads = 0;
  for (std::size_t i = 0; i < G.task_count; ++i) threads += G.tasks[i]->kind == TaskKind::kThread;
  return threads > 1 ? e.task_count() : 1;
}

PyObject* row_of(const ExecutionReport& report) {
  PyObject* unhandled = G.unhandled.empty() ? Py_NewRef(Py_None) : take_unhandled();
  const Engine& e = G.engine;
  return Py_BuildValue("(iNNNKKnKKLLiOnK)", static_cast<int>(e.ending()), report.value ? report.value : Py_NewRef(Py_None),
                       report.exception ? report.exception : Py_NewRef(Py_None), unhandled,
                       static_cast<unsigned long long>(e.steps()), static_cast<unsigned long long>(e.switches()),
                       static_cast<Py_ssize_t>(tasks_that_met()), static_cast<unsigned long long>(e.trace_hash()),
                       static_cast<unsigned long long>(e.call_hash()),
                       static_cast<long long>(e.stalled()), static_cast<long long>(e.shortest_stall()), report.leftover, report.interrupted ? Py_True : Py_False,
                       static_cast<Py_ssize_t>(e.detector().pairs().size()), static_cast<unsigned long long>(e.detector().dropped()));
}

// run(body, strategy, seed, depth, expected_steps, stall_ns, epoch_ns, step_limit, livelock_after, fairness, as_before, detects)
//   -> (ending, value, exception, unhandled or None, points, switches, tasks, trace hash, call hash, stalled ns,
//       shortest stall ns, leftover, interrupted, racing pairs so far, dropped locations)
PyObject* run(PyObject*, PyObject* args) {
  PyObject* body;
  const char* name;
  unsigned long long seed, expected, limit, livelock;
  int depth;
  long long stall, epoch;
  unsigned int fairness;
  int as_before, detects;
  if (!PyArg_ParseTuple(args, "OsKiKLLKKIpp:run", &body, &name, &seed, &depth, &expected, &stall, &epoch, &limit, &livelock, &fairness,
                        &as_before, &detects))
    return nullptr;
  if (!G.installed || G.active) {
    PyErr_SetString(PyExc_RuntimeError, G.active ? "an execution is active" : "the ground is not installed");
    return nullptr;
  }
  Strategy* strategy = strategy_named(name);
  if (strategy == nullptr) return nullptr;
  RunOptions options;
  options.strategy.seed = seed;
  options.strategy.depth = depth;
  options.strategy.expected_steps = expected;
  options.stall_budget = stall;
  options.epoch = epoch;
  options.step_limit = limit;
  options.livelock_after = livelock;
  options.fairness = fairness;
  options.as_before = as_before != 0;
  options.detects = detects != 0;
  ExecutionReport report;
  return execute_under(body, *strategy, options, report) ? row_of(report) : nullptr;
}

// set_alarm(seconds): has the system send SIGALRM after so much real time; 0 for never
PyObject* set_alarm(PyObject*, PyObject* number) {
  const double seconds = PyFloat_AsDouble(number);
  if (seconds == -1.0 && PyErr_Occurred()) return nullptr;
  itimerval timer = {};
  timer.it_value.tv_sec = static_cast<time_t>(seconds);
  timer.it_value.tv_usec = static_cast<suseconds_t>((seconds - static_cast<double>(timer.it_value.tv_sec)) * 1e6);
  setitimer(ITIMER_REAL, &timer, nullptr);
  Py_RETURN_NONE;
}

PyObject* real_seconds_now(PyObject*, PyObject*) { return PyFloat_FromDouble(real_seconds()); }

// run_many(body, [(strategy, seed, stall_ns, depth)], expected_steps, epoch_ns, step_limit, livelock_after, fairness, deadline, before,
//   after) -> (executions, points, most tasks, shortest stall ns, most dropped locations, row of run() or None)
//
// One execution after another, with no Python in between but `before()` and `after()`, until one has something to tell: it
// failed, was interrupted, showed a new race, did what cannot be controlled. That one is not counted, its row is the last
// item. It also ends when the systematic search has, and at `deadline` (of the real clock that time.perf_counter() reads).
PyObject* run_many(PyObject*, PyObject* args) {
  PyObject *body, *plans, *before, *after;
  unsigned long long expected, limit, livelock;
  long long epoch;
  unsigned int fairness;
  double deadline;
  if (!PyArg_ParseTuple(args, "OO!KLKKIdOO:run_many", &body, &PyList_Type, &plans, &expected, &epoch, &limit, &livelock, &fairness, &deadline,
                        &before, &after))
    return nullptr;
  if (!G.installed || G.active) {
    PyErr_SetString(PyExc_RuntimeError, G.active ? "an execution is active" : "the ground is not installed");
    return nullptr;
  }
  RunOptions options;
  options.strategy.expected_steps = expected;
  options.epoch = epoch;
  options.step_limit = limit;
  options.livelock_after = livelock;
  options.fairness = fairness;
  const std::size_t races = G.engine.detector().pairs().size();
  unsigned long long points = 0, dropped = 0;
  std::size_t tasks = 0;
  Nanos shortest = kForever;
  Py_ssize_t done = 0;
  PyObject* last = nullptr;
  for (; done < PyList_GET_SIZE(plans) && last == nullptr && real_seconds() < deadline; ++done) {
    const char* name;
    unsigned long long seed;
    long long stall;
    if (!PyArg_ParseTuple(PyList_GET_ITEM(plans, done), "sKLi:plan", &name, &seed, &stall, &options.strategy.depth)) return nullptr;
    Strategy* strategy = strategy_named(name);
    if (strategy == nullptr) return nullptr;
    options.strategy.seed = seed;
    options.stall_budget = stall;
    PyObject* ready = PyObject_CallNoArgs(before);
    if (ready == nullptr) return nullptr;
    Py_DECREF(ready);
    ExecutionReport report;
    const bool ran = execute_under(body, *strategy, options, report);
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject* restored = PyObject_CallNoArgs(after);
    Py_XDECREF(restored);
    if (restored == nullptr && ran) return nullptr;
    if (!ran) {
      PyErr_Restore(type, value, traceback);
      return nullptr;
    }
    const Engine& e = G.engine;
    const bool quiet = e.ending() == Ending::kFinished && report.exception == nullptr && G.unhandled.empty() && report.leftover == 0 &&
                       !report.interrupted && e.detector().pairs().size() == races && G.uncontrolled.empty() && G.blocked_seconds == 0;
    if (!quiet) {
      last = row_of(report);
      if (last == nullptr) return nullptr;
      break;
    }
    Py_XDECREF(report.value);
    points += e.steps();
    dropped = std::max<unsigned long long>(dropped, e.detector().dropped());
    tasks = std::max(tasks, e.task_count());
    shortest = std::min(shortest, e.shortest_stall());
    if (strategy == &G.dpor && (G.dpor.finished() || G.dpor.diverged())) {
      ++done;
      break;
    }
  }
  return Py_BuildValue("(nKnLKN)", done, points, static_cast<Py_ssize_t>(tasks), static_cast<long long>(shortest), dropped,
                       last != nullptr ? last : Py_NewRef(Py_None));
}

// ---- what the last execution left behind

template <class Rows>
Rows rows_from(const Rows& rows, std::size_t first) {
  return Rows(rows.begin() + static_cast<std::ptrdiff_t>(std::min(first, rows.size())), rows.end());
}

// deviations(first=0) -> [(task, site, occurrence, to, whether the task could have gone on)], `to` is -2 for the clock, -3 for a cancellation
PyObject* deviations(PyObject*, PyObject* args) {
  Py_ssize_t first = 0;
  if (!PyArg_ParseTuple(args, "|n:deviations", &first)) return nullptr;
  return list_of(rows_from(G.engine.deviations(), static_cast<std::size_t>(first)), [](const Deviation& d) {
    return Py_BuildValue("(iIIiO)", d.task, d.site, d.occurrence, d.to, d.preempts ? Py_True : Py_False);
  });
}

// [(task, operation, site)]
PyObject* trace(PyObject*, PyObject*) {
  std::vector<Happened> operations;
  for (const Happened& now : G.engine.log())
    if (now.never) break;
    else if (now.task >= 0 && !now.is_inside()) operations.push_back(now);
  return list_of(operations, [](const Happened& now) { return Py_BuildValue("(iiI)", now.task, static_cast<int>(now.op), now.site); });
}

// [(first site, second site, first task, second task, whether the first writes, whether the second does)] from the `number`-th on:
// pairs that happens-before did not order in some execution since forget()
PyObject* races(PyObject*, PyObject* number) {
  const std::size_t from = PyLong_AsSize_t(number);
  if (PyErr_Occurred()) return nullptr;
  const std::vector<RacingPair>& pairs = G.engine.detector().pairs();
  const std::vector<RacingPair> fresh(pairs.begin() + static_cast<std::ptrdiff_t>(std::min(from, pairs.size())), pairs.end());
  return list_of(fresh, [](const RacingPair& pair) {
    return Py_BuildValue("(IIiiOO)", pair.first, pair.second, pair.first_task, pair.second_task, pair.first_writes ? Py_True : Py_False,
                         pair.second_writes ? Py_True : Py_False);
  });
}

// Forgets the pairs, so that an execution that follows shows its own.
PyObject* forget_races(PyObject*, PyObject*) {
  G.engine.forget_races();
  Py_RETURN_NONE;
}

// make_synchronising(first, last): accesses at these sites order tasks as a lock does
PyObject* make_synchronising(PyObject*, PyObject* args) {
  unsigned int first, last;
  if (!PyArg_ParseTuple(args, "II:make_synchronising", &first, &last)) return nullptr;
  for (SiteId site = first; site < last; ++site) G.engine.make_synchronising(site);
  Py_RETURN_NONE;
}

// stalls(first=0) -> [(ns, task, site it passed last, site it was held at)]
PyObject* stalls(PyObject*, PyObject* args) {
  Py_ssize_t first = 0;
  if (!PyArg_ParseTuple(args, "|n:stalls", &first)) return nullptr;
  return list_of(rows_from(G.engine.stalls(), static_cast<std::size_t>(first)), [](const StallRecord& s) {
    return Py_BuildValue("(LiIIO)", static_cast<long long>(s.amount), s.task, s.after, s.before, s.together ? Py_True : Py_False);
  });
}

// [(parent, child index from 1, site of creation, kind)]; see TaskKind
PyObject* tasks(PyObject*, PyObject*) {
  std::vector<TaskId> ids;
  for (std::size_t i = 0; i < G.task_count; ++i) ids.push_back(static_cast<TaskId>(i));
  return list_of(ids, [](TaskId id) {
    const TaskRecord& record = G.engine.task(id);
    return Py_BuildValue("(iiIi)", record.parent, record.child_index, G.task(id).created_at, static_cast<int>(G.task(id).kind));
  });
}

PyObject* hot_sites(PyObject*, PyObject*) {
  return list_of(G.engine.hot_sites(), [](SiteId site) { return PyLong_FromUnsignedLong(site); });
}

PyObject* make_hot(PyObject*, PyObject* number) {
  const unsigned long site = PyLong_AsUnsignedLong(number);
  if (PyErr_Occurred()) return nullptr;
  G.engine.make_hot(static_cast<SiteId>(site));
  Py_RETURN_NONE;
}

// cancelling(whether): whether executions that are searched may cancel an asyncio task
PyObject* cancelling(PyObject*, PyObject* whether) {
  G.engine.set_cancelling(PyObject_IsTrue(whether) == 1);
  Py_RETURN_NONE;
}

PyObject* seconds_in_vain(PyObject*, PyObject*) { return PyFloat_FromDouble(static_cast<double>(waited_in_vain()) * 1e-9); }

// forget(learns): whether what comes is to be learned from
PyObject* forget(PyObject*, PyObject* learns) {
  G.engine.forget();
  G.dpor.forget();
  forget_outside();
  G.engine.set_learning(PyObject_IsTrue(learns) == 1);
  Py_RETURN_NONE;
}

PyObject* set_callable(PyObject*& slot, PyObject* callable) {
  Py_XSETREF(slot, callable == Py_None ? nullptr : Py_NewRef(callable));
  Py_RETURN_NONE;
}
PyObject* set_watch_fd(PyObject*, PyObject* fd) {
  const long number = PyLong_AsLong(fd);
  if (number == -1 && PyErr_Occurred()) return nullptr;
  G.watch_fd = static_cast<int>(number);
  Py_RETURN_NONE;
}

PyObject* set_observer(PyObject*, PyObject* c) { return set_callable(G.observer, c); }
PyObject* set_site_observer(PyObject*, PyObject* c) { return set_callable(G.site_observer, c); }
PyObject* set_stuck_observer(PyObject*, PyObject* c) { return set_callable(G.on_stuck, c); }
PyObject* set_leftover_hook(PyObject*, PyObject* c) {
  set_on_leftover(c == Py_None ? nullptr : c);
  Py_RETURN_NONE;
}

PyObject* interrupt(PyObject*, PyObject*) {
  G.interrupted = true;
  Py_RETURN_NONE;
}

PyObject* py_point(PyObject*, PyObject*) {
  if (here() && points_on() && !point(Op::kYield, kNoKey)) return nullptr;
  Py_RETURN_NONE;
}

// [(kind: 0 process, 1 socket, 2 blocking call; site)] since this was last called
PyObject* take_uncontrolled(PyObject*, PyObject*) {
  if (G.blocked_seconds > 0) G.uncontrolled.emplace_back(Uncontrolled::kBlocking, kNoSite);
  G.blocked_seconds = 0;
  PyObject* list = list_of(G.uncontrolled, [](const auto& row) { return Py_BuildValue("(iI)", static_cast<int>(row.first), row.second); });
  G.uncontrolled.clear();
  return list;
}

PyObject* set_test_code(PyObject*, PyObject* code) {
  G.test_code = code == Py_None ? kNoKey : key_of(code);
  Py_RETURN_NONE;
}

PyObject* set_baseline_threads(PyObject*, PyObject* number) {
  G.baseline_threads = static_cast<int>(PyLong_AsLong(number));
  if (PyErr_Occurred()) return nullptr;
  Py_RETURN_NONE;
}

PyObject* add_invariant(PyObject*, PyObject* check) {
  if (here()) G.invariants.push_back(Py_NewRef(check));
  Py_RETURN_NONE;
}

PyObject* current_task(PyObject*, PyObject*) { return PyLong_FromLong(here() ? G.current() : kNone); }
PyObject* is_active(PyObject*, PyObject*) { return PyBool_FromLong(here()); }
PyObject* points_so_far(PyObject*, PyObject*) { return PyLong_FromUnsignedLongLong(G.engine.steps()); }

PyObject* after_fork(PyObject*, PyObject*) {
  deactivate_after_fork();
  refresh_internal_locks();
  Py_RETURN_NONE;
}

// copy_random(to, from): gives one random.Random the state of another, in place and quickly.
PyObject* copy_random(PyObject*, PyObject* args) {
  PyObject *to, *from;
  if (!PyArg_ParseTuple(args, "OO:copy_random", &to, &from)) return nullptr;
  auto* a = reinterpret_cast<compat::RandomState*>(to);
  auto* b = reinterpret_cast<compat::RandomState*>(from);
  a->index = b->index;
  std::memcpy(a->words, b->words, sizeof a->words);
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"install", install, METH_NOARGS, "Take over the C functions under threading, time and queue."},
    {"uninstall", uninstall, METH_NOARGS, "Give all of them back."},
    {"run", run, METH_VARARGS, "One execution of a body."},
    {"run_many", run_many, METH_VARARGS, "Executions in a row, until one has something to tell."},
    {"direct", direct, METH_O, "Set what the strategy `directed` follows."},
    {"bind", bind, METH_VARARGS, "Tell at which site a directive stands."},
    {"missed", missed, METH_NOARGS, "The first directive that was not taken, or -1."},
    {"stall_places", stall_places, METH_NOARGS, "Where the clock could have gone on in the last directed execution."},
    {"set_cancelling", cancelling, METH_O, "Whether executions that are searched may cancel an asyncio task."},
    {"deviations", deviations, METH_VARARGS, "The last execution's choices against the default order."},
    {"trace", trace, METH_NOARGS, "The last execution's visible operations."},
    {"stalls", stalls, METH_VARARGS, "The last execution's stalls."},
    {"tasks", tasks, METH_NOARGS, "The last execution's tasks."},
    {"hot_sites", hot_sites, METH_NOARGS, "Sites that are scheduling points because they race."},
    {"make_hot", make_hot, METH_O, "Make a site a scheduling point from the next execution on."},
    {"proof", proof, METH_NOARGS, "How far the strategy `dpor` has come."},
    {"touch", touch, METH_O, "Tell the observer of a callback that is put into the queue of another thread's loop."},
    {"steer", steer, METH_VARARGS, "Say what the strategy `steered` is to bring about."},
    {"races", races, METH_O, "Pairs of sites that raced."},
    {"forget_races", forget_races, METH_NOARGS, "Forget the pairs of sites that raced."},
    {"make_synchronising", make_synchronising, METH_VARARGS, "Sites whose accesses order tasks."},
    {"prepare", prepare, METH_VARARGS, "Decide what the next execution tries, which is in a child."},
    {"take_log", take_log, METH_O, "The last execution's log, for another process."},
    {"take_in", take_in, METH_VARARGS, "Learn from an execution of another process."},
    {"take_knowledge", take_knowledge, METH_NOARGS, "What was learned, and where the systematic search stands."},
    {"give_knowledge", give_knowledge, METH_VARARGS, "What executions of another process have shown."},
    {"restore_proof", restore_proof, METH_O, "Go on with a systematic search of another process."},
    {"waited_in_vain", seconds_in_vain, METH_NOARGS, "For how many seconds the last execution waited in vain for whoever is outside."},
    {"forget", forget, METH_O, "Forget what was learned; say whether to learn from what comes."},
    {"register_sites", register_sites, METH_VARARGS, "Give numbers to the sites of a compiled file."},
    {"site_info", site_info, METH_O, "What is known of a site."},
    {"site_count", site_count, METH_NOARGS, "One more than the highest site number."},
    {"set_library_prefixes", set_library_prefixes, METH_O, "Directories whose frames a site skips."},
    {"set_effects", set_effects, METH_O, "What methods of containers do."},
    {"set_observer", set_observer, METH_O, "Called at each visible operation."},
    {"set_site_observer", set_site_observer, METH_O, "Called when a site gets its number."},
    {"set_stuck_observer", set_stuck_observer, METH_O, "Called with who waits for what when nobody can go on."},
    {"set_leftover_hook", set_leftover_hook, METH_O, "Called in main when only waiting workers are left at its end."},
    {"interrupt", interrupt, METH_NOARGS, "End the execution at its next point."},
    {"point", py_point, METH_NOARGS, "A scheduling point."},
    {"set_test_code", set_test_code, METH_O, "The code of the function that is the test, or None; it must live as long."},
    {"set_baseline_threads", set_baseline_threads, METH_O, "How many threads there were before any execution."},
    {"set_watch_fd", set_watch_fd, METH_O, "The file descriptor on which the watch says what blocks."},
    {"set_alarm", set_alarm, METH_O, "Has the system send SIGALRM after so many real seconds; 0 for never."},
    {"real_seconds", real_seconds_now, METH_NOARGS, "Seconds of the clock that passes for the user."},
    {"take_refused_loop", take_refused_loop, METH_NOARGS, "The event loop for which the last execution was ended."},
    {"take_uncontrolled", take_uncontrolled, METH_NOARGS, "What was done that cannot be controlled."},
    {"add_invariant", add_invariant, METH_O, "Call this at every point of the execution; what it raises ends the task."},
    {"current_task", current_task, METH_NOARGS, "The current task's number, or -1."},
    {"is_active", is_active, METH_NOARGS, "Whether the calling thread is under control."},
    {"points_so_far", points_so_far, METH_NOARGS, "Visible operations of the current or last execution."},
    {"order_by_birth", order_by_birth, METH_VARARGS, "Hash the objects of a class in the order of their birth."},
    {"set_heap_aside", set_heap_aside, METH_NOARGS, "Have the collector leave alone what is there now."},
    {"give_heap_back", give_heap_back, METH_NOARGS, "The end of that."},
    {"collect_garbage", collect_garbage, METH_NOARGS, "Collect what has become garbage of the rest."},
    {"after_fork", after_fork, METH_NOARGS, "To be called in a forked child."},
    {"copy_random", copy_random, METH_VARARGS, "Give one generator the state of another."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef definition = {PyModuleDef_HEAD_INIT, "unblink._native", "The engine and the ground.", -1, methods,
                          nullptr, nullptr, nullptr, nullptr};

bool add_contents(PyObject* module) {
  PyObject* aborted = PyErr_NewExceptionWithDoc("unblink._native.ExecutionAborted", "Ends the body of an execution that cannot go on.",
                                                PyExc_BaseException, nullptr);
  if (aborted == nullptr || PyModule_AddObjectRef(module, "ExecutionAborted", aborted) < 0) return false;
  set_aborted_type(aborted);
  PyObject* operations = PyTuple_New(static_cast<Py_ssize_t>(Op::kCount));
  for (Py_ssize_t i = 0; operations != nullptr && i < static_cast<Py_ssize_t>(Op::kCount); ++i)
    PyTuple_SET_ITEM(operations, i, PyUnicode_FromString(kOperations[i]));
  if (operations == nullptr || PyModule_AddObjectRef(module, "OPERATIONS", operations) < 0) return false;
  PyObject* hooks = PyDict_New();
  for (PyMethodDef* hook = hook_definitions; hooks != nullptr && hook->ml_name != nullptr; ++hook) {
    PyObject* function = PyCFunction_New(hook, nullptr);
    if (function == nullptr || PyDict_SetItemString(hooks, hook->ml_name, function) < 0) return false;
  }
  return hooks != nullptr && PyModule_AddObjectRef(module, "HOOKS", hooks) == 0;
}

}  // namespace
}  // namespace unblink

PyMODINIT_FUNC PyInit__native() {
  if (!unblink::import_greenlet() || !unblink::prepare_hooks()) return nullptr;
  PyObject* module = PyModule_Create(&unblink::definition);
  if (module != nullptr && !unblink::add_contents(module)) Py_CLEAR(module);
  return module;
}
