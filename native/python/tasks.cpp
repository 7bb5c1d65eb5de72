// The tasks of an execution on their greenlets, and the hub that runs them: long, since starting, switching, ending and
// unwinding a task share one invariant (which greenlet runs, whose fields the thread state holds) and stand in one file.
//
// A greenlet outlives the task that ran on it: a fresh one costs ten microseconds, because CPython maps a new
// chunk of data stack for it, while handing a function to an idle one costs half of one.
#include "compat.hpp"
#include <greenlet.h>
#include <time.h>
#include <unistd.h>

#include "ground.hpp"
#include "swap.hpp"
#include "execution.hpp"
#include "loops.hpp"
#include "threads.hpp"
#include "foreign_loops.hpp"
#include "tls.hpp"

namespace unblink {

Ground G;

bool import_greenlet() {
  PyGreenlet_Import();
  return _PyGreenlet_API != nullptr;
}

// Of a lodger there is nothing but its name: see Engine::lodge.
void Ground::make_room_for(TaskId id, TaskKind kind) {
  while (tasks.size() <= static_cast<std::size_t>(id)) tasks.push_back(std::make_unique<Task>());
  task_count = static_cast<std::size_t>(id) + 1;
  Task& made = task(id);
  made.greenlet = nullptr;
  made.kind = kind;
  made.ended = true;
  made.probe = nullptr;
}

void drop_operands(Task& task) {
  while (!task.operands.empty()) {
    const PendingOperand operand = task.operands.back();
    task.operands.pop_back();
    Py_DECREF(operand.object);
    Py_XDECREF(operand.key);
  }
}

namespace {

constexpr std::uint64_t kFirstStateId = 1ULL << 40;
constexpr std::uint64_t kStepsAfterFailure = 10'000;  // for workers of a body that failed: they need never end
constexpr int kMostExits = 100;  // a task that swallows more of them than this is left where it is

PyObject* aborted_type = nullptr;

PyGreenlet* take_greenlet();

void switch_to(PyGreenlet* greenlet) {
  ++G.switches;
  PyObject* result = PyGreenlet_Switch(greenlet, nullptr, nullptr);
  compat::go_on_tracing(G.thread_state);
  Py_XDECREF(result);
}

// The program may have greenlets of its own (SQLAlchemy's asyncio has): a task goes on in the one in which it stopped.
PyGreenlet* place_of(const Task& task) { return task.place != nullptr ? task.place : task.greenlet; }

void leave(Task& task) {
  task.fields.save(G.thread_state);
  PyGreenlet* place = PyGreenlet_GetCurrent();
  if (place == task.greenlet) Py_CLEAR(place);
  Py_XSETREF(task.place, place);
}

// The hub shows itself as main: it is the same thread as far as Python is concerned.
void switch_to_hub() {
  G.task(0).fields.load(G.thread_state);
  switch_to(G.hub);
}

// Tells the current task to end. A task that catches even this again and again is left for good.
bool tell_to_exit() {
  Task& task = G.me();
  if (PyErr_Occurred()) return false;
  if (++task.exits > kMostExits) {
    task.abandoned = true;
    ++G.abandoned;
    task.fields.save(G.thread_state);
    for (;;) switch_to_hub();  // never resumed
  }
  PyErr_SetNone(G.current() == 0 ? aborted_type : PyExc_SystemExit);
  return false;
}

// Where a task finds itself after a switch.
bool go_on() {
  if (G.unwinding) return tell_to_exit();
  if (!G.signals_for_main.empty() && G.current() == 0 && !deliver_signals()) return false;
  return !PyErr_Occurred();
}

// The same where there was no switch.
bool stay() { return G.signals_for_main.empty() || G.current() != 0 || deliver_signals(); }

}  // namespace

// What has no stack only comes: then who goes on is decided again.
TaskId with_a_stack(TaskId next) {
  while (next != kNone && G.engine.task(next).offered) {
    G.engine.grant(next);
    if (G.observer != nullptr) observe(G.engine.pending(next).op, G.engine.pending(next).site, Py_None, Py_None);
    next = G.engine.next();
  }
  return next;
}

bool go(TaskId next) {
  if (G.unwinding) return tell_to_exit();
  if (G.outside) pause_for_children();
  if (!G.invariants.empty() && !invariants_hold()) return false;
  const TaskId actor = G.engine.current();
  if (next == actor && !G.interrupted && !G.engine.task(next).offered) return stay();
  Task& me = G.me();
  next = with_a_stack(next);
  if (next != kNone && !G.interrupted) {
    G.engine.set_current(next);
    if (&G.me() == &me) return stay();
  }
  leave(me);
  if (next == kNone || G.interrupted) {
    G.engine.set_current(actor);
    switch_to_hub();
  } else {
    G.me().fields.load(G.thread_state);
    switch_to(place_of(G.me()));
  }
  return go_on();
}

bool point(Op op, Key key) { return go(G.engine.point(op, site_of_call(op), key)); }

// The first violation is raised in the task whose step brought it about; it counts once.
bool invariants_hold() {
  if (G.quiet > 0) return true;
  Inactive inactive;
  for (std::size_t i = 0; i < G.invariants.size(); ++i) {
    PyObject* result = PyObject_CallNoArgs(G.invariants[i]);
    if (result == nullptr) {
      Py_DECREF(G.invariants[i]);
      G.invariants.erase(G.invariants.begin() + static_cast<std::ptrdiff_t>(i));
      return false;
    }
    Py_DECREF(result);
  }
  return true;
}

bool rest() {
  G.engine.tire();
  return point(Op::kYield, kNoKey);
}

void observe(Op op, SiteId site, PyObject* object, PyObject* detail) {
  if (G.observer == nullptr || G.unwinding) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  {
    Inactive inactive;
    PyObject* result = PyObject_CallFunction(G.observer, "iiIOOL", static_cast<int>(op), G.engine.current(), site,
                                             object ? object : Py_None, detail ? detail : Py_None,
                                             static_cast<long long>(G.engine.now()));
    if (result == nullptr) PyErr_WriteUnraisable(G.observer);
    Py_XDECREF(result);
  }
  PyErr_Restore(type, value, traceback);
}

// ---------------------------------------------------------------- starting

TaskId start_task(PyObject* function, PyObject* arguments, PyObject* keywords, bool daemon) {
  PyGreenlet* greenlet = take_greenlet();
  if (greenlet == nullptr) return kNone;
  const TaskId id = G.engine.spawn(G.engine.current());
  G.make_room_for(id, TaskKind::kThread);
  Task& task = G.task(id);
  task.greenlet = greenlet;
  task.fields = {};
  task.fields.id = kFirstStateId + static_cast<std::uint64_t>(id);
  task.function = Py_NewRef(function);
  task.arguments = Py_NewRef(arguments);
  task.keywords = Py_XNewRef(keywords);
  if (id == 0) {
    task.ident_number = PyThread_get_thread_ident();
    Py_XSETREF(task.ident, PyLong_FromUnsignedLong(task.ident_number));
  } else {
    const unsigned long number = ident_of(id);
    if (task.ident_number != number) {
      task.ident_number = number;
      Py_XSETREF(task.ident, PyLong_FromUnsignedLong(number));
    }
    G.multi = true;
    G.refresh_live();
  }
  task.starter = kNone;
  task.booting = task.ended = task.abandoned = false;
  task.daemon = daemon;
  task.exits = 0;
  task.probe = nullptr;
  task.quiet_lock = kNoKey;
  task.created_at = kNoSite;
  drop_operands(task);
  if (id != 0 && !daemon) ++G.alive_workers;
  return id;
}

bool boot(TaskId child) {
  Task& task = G.task(child);
  task.booting = true;
  task.starter = G.engine.current();
  ++G.quiet;
  G.refresh_live();
  leave(G.me());
  G.engine.set_current(child);
  task.fields.load(G.thread_state);
  switch_to(task.greenlet);
  return go_on();
}

// In the child: it has come to just before its run(), and is a ready task like any other from here on.
bool end_boot() {
  Task& task = G.me();
  task.booting = false;
  --G.quiet;
  G.refresh_live();
  leave(task);
  G.engine.set_current(task.starter);
  G.me().fields.load(G.thread_state);
  switch_to(place_of(G.me()));
  return go_on();
}

// ---------------------------------------------------------------- running and ending

namespace {

void report_bare(Task& task) {
  if (PyErr_ExceptionMatches(PyExc_SystemExit)) {
    PyErr_Clear();
    return;
  }
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  G.unhandled.push_back({G.current(), Py_XNewRef(type), Py_XNewRef(value), Py_XNewRef(traceback), nullptr});
  PyErr_Restore(type, value, traceback);
  compat::unraisable_in_thread(task.function);
}

// Main waits for its workers as the interpreter does at exit: they run to their end.
void await_workers() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  Py_XDECREF(quiesce(nullptr, nullptr));
  PyErr_Clear();
  PyErr_Restore(type, value, traceback);
}

// The last moment at which daemons may still do something: the process ends when main does, and need not do so at once.
void pause_for_daemons() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  go(G.engine.point(Op::kYield, kEndSite, kNoKey));
  PyErr_Clear();
  PyErr_Restore(type, value, traceback);
}

struct Outcome {
  PyObject* value = nullptr;
  PyObject* exception = nullptr;
};
Outcome outcome;
PyObject* on_leftover = nullptr;

// By an exception of its own, which is what a user sees, whatever becomes of its threads.
bool body_failed() { return outcome.exception != nullptr && PyObject_IsInstance(outcome.exception, PyExc_Exception) == 1; }

void run_main(Task& task) {
  outcome.value = PyObject_Call(task.function, task.arguments, task.keywords);
  if (outcome.value == nullptr) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != nullptr) PyException_SetTraceback(value, traceback);
    outcome.exception = value;
    Py_XDECREF(type);
    Py_XDECREF(traceback);
  }
  if (G.let_go) {
    G.active = true;
    G.refresh_live();
  }
  if (G.unwinding) return;
  if (body_failed()) G.engine.end_within(kStepsAfterFailure);
  if (G.alive_workers > 0) await_workers();
  if (G.engine.alive() > 1 && points_on()) pause_for_daemons();
  if (G.alive_workers > 0 && !G.unwinding && on_leftover != nullptr) {
    PyObject* done = PyObject_CallNoArgs(on_leftover);
    if (done == nullptr) PyErr_Clear();
    Py_XDECREF(done);
    if (G.alive_workers > 0 && !G.unwinding) await_workers();
  }
}

void run_worker(Task& task) {
  PyObject* result = PyObject_Call(task.function, task.arguments, task.keywords);
  if (result == nullptr) report_bare(task);
  Py_XDECREF(result);
}

// Where somebody has asked whether a thread is alive, its end is an operation.
void come_to_end(Task& task) {
  const Key key = key_of_end(task);
  if (key == kNoKey || !points_on() || !G.engine.watches_releases() || !G.engine.releases(key, kEndSite)) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  go(G.engine.point(Op::kRelease, kEndSite, key));
  PyErr_Clear();
  PyErr_Restore(type, value, traceback);
}

void end_sentinel(Task& task) {
  if (task.sentinel == nullptr) return;
  PyObject* lock = task.sentinel;
  task.sentinel = nullptr;
  if (lock_is_held(lock)) {
    Inactive inactive;
    Py_XDECREF(PyObject_CallMethod(lock, "release", nullptr));
    PyErr_Clear();
  }
  for (std::size_t i = G.held.size(); i-- > 0;) {
    if (G.held[i] != lock) continue;
    Py_DECREF(lock);
    G.held[i] = G.held.back();
    G.held.pop_back();
    break;
  }
  G.engine.publish(key_of(lock));
  G.engine.released(key_of(lock));
  Py_DECREF(lock);
}

// What the end of a thread does, in CPython's order: its own data go, then whoever joins it is let go on.
void end_task(Task& task) {
  drop_operands(task);
  Py_CLEAR(task.function);
  Py_CLEAR(task.arguments);
  Py_CLEAR(task.keywords);
  if (G.current() == 0) {
    task.ended = true;
    return;
  }
  if (G.observer != nullptr && points_on()) observe(Op::kEnd, kEndSite, Py_None, Py_None);
  if (task.thread != nullptr) publish_end(task.thread);
  Py_CLEAR(task.thread);
  compat::end_thread(G.thread_state);
  task.ended = true;
  const Key key = key_of_task(G.current());
  G.engine.publish(key);
  G.engine.signal(key);
  end_sentinel(task);
  if (!task.daemon && --G.alive_workers == 0) G.engine.signal(kQuiescence);
}

PyObject* pool_main(PyObject*, PyObject*) {
  for (;;) {
    compat::go_on_tracing(G.thread_state);
    Task& task = G.me();
    PyGreenlet* self = task.greenlet;
    const TaskId id = G.current();
    if (id == 0)
      run_main(task);
    else
      run_worker(task);
    if (G.forked && id != 0) _exit(0);  // the last thread of a forked child has ended
    if (id != 0) come_to_end(task);
    end_task(task);
    PyErr_Clear();
    G.idle.push_back(self);
    task.greenlet = nullptr;
    Py_CLEAR(task.place);
    task.fields.save(G.thread_state);
    PyGreenlet* to = G.hub;
    if (task.booting && !G.unwinding) {  // it ended before its run(): back to whoever started it
      task.booting = false;
      --G.quiet;
      G.refresh_live();
      G.engine.finish();
      G.engine.set_current(task.starter);
      G.me().fields.load(G.thread_state);
      to = place_of(G.me());
    } else if (id == 0 || G.unwinding || G.interrupted) {
      if (id == 0 && !G.unwinding) G.task(0).fields.save(G.thread_state);
      if (!G.unwinding && id != 0) G.engine.finish();
      G.task(0).fields.load(G.thread_state);
    } else {
      const TaskId next = with_a_stack(G.engine.finish());
      if (next == kNone) {
        G.task(0).fields.load(G.thread_state);
      } else {
        G.engine.set_current(next);
        G.me().fields.load(G.thread_state);
        to = place_of(G.me());
      }
    }
    ++G.switches;
    PyObject* resumed = PyGreenlet_Switch(to, nullptr, nullptr);
    if (resumed == nullptr) return nullptr;  // the greenlet itself is being ended
    Py_DECREF(resumed);
  }
}

PyMethodDef pool_definition = {"task", pool_main, METH_NOARGS, nullptr};

PyGreenlet* take_greenlet() {
  if (!G.idle.empty()) {
    PyGreenlet* greenlet = G.idle.back();
    G.idle.pop_back();
    return greenlet;
  }
  static PyObject* function = PyCFunction_New(&pool_definition, nullptr);
  return PyGreenlet_New(function, G.hub);
}

// ---------------------------------------------------------------- the hub

// Threads of Python that were not there when the session began.
bool has_other_threads() {
  int count = 0;
  for (PyThreadState* ts = PyInterpreterState_ThreadHead(G.thread_state->interp); ts != nullptr; ts = PyThreadState_Next(ts)) ++count;
  return count > G.baseline_threads;
}

// A thread that is not controlled may have released a lock: whoever waits for a free one can go on.
bool wake_externals() {
  bool woken = false;
  for (std::size_t i = 0; i < G.task_count; ++i) {
    const auto id = static_cast<TaskId>(i);
    const TaskId actor = G.engine.task(id).acting;
    const TaskRecord& record = G.engine.task(actor);
    if (G.task(id).ended || record.state != TaskState::kWaiting) continue;
    if (record.pending.op != Op::kAcquire || record.waits_for == kNoKey || (record.waits_for & kUntold) != 0) continue;
    if (lock_is_held(reinterpret_cast<PyObject*>(record.waits_for))) continue;
    G.engine.wake(actor);
    woken = true;
  }
  return woken;
}

bool main_awaits_workers() {
  const TaskRecord& record = G.engine.task(0);
  return !G.task(0).ended && record.state == TaskState::kWaiting && record.waits_for == kQuiescence;
}

void doze() {
  Py_BEGIN_ALLOW_THREADS
  const timespec pause = {0, 1'000'000};
  nanosleep(&pause, nullptr);
  Py_END_ALLOW_THREADS
}

constexpr int kGraceMilliseconds = 200;
constexpr int kLongGraceMilliseconds = 10'000;
constexpr int kShareOfTerminals = 8;

// Asked by the engine before the clock moves. Somebody outside may have something for a task that waits on a
// descriptor: real time is given to it first.
bool idle(bool has_deadline) {
  if (!anyone_probes()) return false;
  if (wake_probing()) return true;
  const bool outside = G.outside_world || has_other_threads();
  if (!outside && !G.terminals) return false;
  G.dozing = true;
  bool woken = false;
  const int grace = has_deadline ? kGraceMilliseconds : kLongGraceMilliseconds;
  for (int left = outside ? grace : grace / kShareOfTerminals; left > 0 && !woken; --left) {
    doze();
    if (PyErr_CheckSignals() < 0) {
      PyErr_Clear();
      G.interrupted = true;
      break;
    }
    woken = wake_probing() || wake_externals();
  }
  G.dozing = false;
  return woken;
}

// Runs tasks until main has ended or nobody can go on.
void run_hub() {
  int patience = kGraceMilliseconds;
  TaskId next = 0;
  for (;;) {
    G.engine.set_current(next);
    Task& task = G.me();
    if (G.current() != 0) task.fields.load(G.thread_state);
    switch_to(place_of(task));
    for (;;) {
      if (G.task(0).ended || G.interrupted || G.engine.ending() != Ending::kRunning) return;
      if (PyErr_Occurred()) return;
      next = kNone;
      if (wake_externals()) {
        next = G.engine.next();
      } else if (main_awaits_workers()) {
        G.engine.signal(kQuiescence);
        next = G.engine.next();
      } else if (patience > 0 && has_other_threads()) {
        --patience;
        doze();
        if (PyErr_CheckSignals() < 0) return;
        continue;
      } else {
        G.engine.set_ending(Ending::kStuck);
        return;
      }
      next = with_a_stack(next);
      if (next != kNone) break;
    }
  }
}

}  // namespace

PyObject* frame_of(const Task& task) {
  if (task.greenlet == nullptr) return Py_NewRef(Py_None);
  PyObject* frame = PyObject_GetAttrString(reinterpret_cast<PyObject*>(place_of(task)), "gr_frame");
  if (frame == nullptr) {
    PyErr_Clear();
    return Py_NewRef(Py_None);
  }
  return frame;
}

namespace {

// Tells the observer who waits for what, before the tasks are ended: (task, op, site, object, owner, frame).
void report_waiting() {
  if (G.on_stuck == nullptr) return;
  PyObject* list = PyList_New(0);
  for (std::size_t i = 0; list != nullptr && i < G.task_count; ++i) {
    const auto id = static_cast<TaskId>(i);
    if (G.task(id).ended) continue;
    const TaskId actor = G.engine.task(id).acting;
    const TaskRecord& record = G.engine.task(actor);
    const bool on_object = record.state == TaskState::kWaiting && (record.waits_for & kUntold) == 0 && (record.pending.op == Op::kAcquire || record.pending.op == Op::kGet);
    const Key key = on_object ? record.waits_for : kNoKey;
    PyObject* object = key != kNoKey ? reinterpret_cast<PyObject*>(key) : Py_None;
    TaskId owner = key != kNoKey ? G.engine.owner(key) : kNone;
    if (record.pending.op == Op::kJoin && (record.pending.key & kTaskKeys)) owner = static_cast<TaskId>(record.pending.key & 0xffffffff);
    PyObject* row = Py_BuildValue("(iiIOiNO)", actor, static_cast<int>(record.pending.op), record.pending.site, object, owner,
                                  frame_of(G.task(id)), record.state == TaskState::kWaiting ? Py_True : Py_False);
    if (row == nullptr || PyList_Append(list, row) < 0) PyErr_Clear();
    Py_XDECREF(row);
  }
  report_awaiting(list);
  Inactive inactive;
  PyObject* result = list ? PyObject_CallOneArg(G.on_stuck, list) : nullptr;
  if (result == nullptr) PyErr_WriteUnraisable(G.on_stuck);
  Py_XDECREF(result);
  Py_XDECREF(list);
}

// Ends every task that is left by an exception that threads ignore, without any choice in between.
void unwind() {
  G.unwinding = true;
  ++G.quiet;
  G.refresh_live();
  for (std::size_t i = 0; i < G.task_count; ++i) {
    const auto id = static_cast<TaskId>(i);
    Task& task = G.task(id);
    if (task.ended || task.abandoned) continue;
    if (G.engine.task(id).pending.op == Op::kBegin && task.thread == nullptr && id != 0) {  // never began
      G.idle.push_back(task.greenlet);
      task.greenlet = nullptr;
      Py_CLEAR(task.function);
      Py_CLEAR(task.arguments);
      Py_CLEAR(task.keywords);
      task.ended = true;
      continue;
    }
    G.engine.set_current(id);
    task.fields.load(G.thread_state);
    switch_to(place_of(task));
    PyErr_Clear();
  }
  G.unwinding = false;
  --G.quiet;
}

void forget_tasks() {
  forget_handles();
  forget_loops();
  for (std::size_t i = 0; i < G.task_count; ++i) {
    Task& task = *G.tasks[i];
    Py_CLEAR(task.thread);
    Py_CLEAR(task.sentinel);
    if (task.abandoned) task.greenlet = task.place = nullptr;  // leaked on purpose, with what it holds
  }
}

}  // namespace

PyObject* quiesce(PyObject*, PyObject*) {
  if (!here() || G.alive_workers == 0 || G.current() != 0) return PyLong_FromLong(G.alive_workers);
  std::uint64_t broken;
  do {
    broken = G.broken_waits;
    if (!go(G.engine.wait(Op::kJoin, kEndSite, kQuiescence, kForever))) return nullptr;
  } while (G.alive_workers > 0 && broken != G.broken_waits);
  return PyLong_FromLong(G.alive_workers);
}

void deactivate_after_fork() {
  G.active = false;
  G.refresh_live();
}

void set_aborted_type(PyObject* type) { aborted_type = type; }
void set_on_leftover(PyObject* callable) { Py_XSETREF(on_leftover, Py_XNewRef(callable)); }

bool execute(PyObject* body, Strategy& strategy, const RunOptions& options, ExecutionReport& report) {
  PyThreadState* ts = compat::thread_state();
  Py_XDECREF(PyContext_CopyCurrent());  // makes sure that the thread has a context, which main shares
  G.thread_state = ts;
  G.hub = PyGreenlet_GetCurrent();
  if (G.hub == nullptr) return false;
  look_after_tls();
  look_after_asyncio();
  look_after_foreign_loops();
  G.multi = G.unwinding = G.interrupted = G.let_go = false;
  G.refused_loop.clear();
  G.quiet = 0;
  G.alive_workers = 0;
  G.switches = 0;
  begin_signals();
  G.births = 0;
  G.outside = G.forked = G.outside_world = G.terminals = G.used_descriptors = false;
  ++G.executions;
  G.engine.set_idle(idle);
  start_watch();
  G.fork_ident = nullptr;
  G.epoch = options.epoch;
  G.wall_offset = G.processor_time = 0;
  G.entropy.reseed(options.strategy.seed ^ 0x5bd1e995);
  outcome = {};
  G.engine.begin(strategy, options);
  PyObject* none = PyTuple_New(0);
  const TaskId main = start_task(body, none, nullptr, false);
  Py_DECREF(none);
  if (main == kNone) return false;
  PyObject* context = Py_NewRef(ts->context);
  G.task(0).fields.save(ts);
  report.main_context = context;
  const int collected = PyGC_Disable();
  G.active = true;
  G.refresh_live();
  run_hub();
  report.leftover = G.alive_workers;
  G.engine.log_unfinished();
  const bool spins = G.engine.ending() == Ending::kStepLimit || G.engine.ending() == Ending::kLivelock;
  const bool told = spins && body_failed();  // that its workers spin is no news
  if (G.engine.ending() == Ending::kRunning || told) G.engine.set_ending(Ending::kFinished);
  const bool stuck = !told && (G.engine.ending() != Ending::kFinished || G.alive_workers > 0);
  if (stuck && !G.interrupted) report_waiting();
  unwind();
  G.active = false;
  G.refresh_live();
  G.task(0).fields.load(ts);
  release_held_locks();
  for (PyObject* invariant : G.invariants) Py_DECREF(invariant);
  G.invariants.clear();
  forget_tasks();
  if (collected) PyGC_Enable();
  Py_DECREF(context);
  Py_CLEAR(G.hub);
  report.value = outcome.value;
  report.exception = outcome.exception;
  report.interrupted = G.interrupted;
  G.engine.end_execution();
  return true;
}

}  // namespace unblink
