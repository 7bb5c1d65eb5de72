// One execution from its begin to its end: the hub, which runs when no task can, and what becomes of tasks that are left.
#include "compat.hpp"
#include "buffered.hpp"
#include "execution.hpp"

#include "foreign_loops.hpp"
#include "ground.hpp"
#include "loops.hpp"
#include "outside.hpp"
#include "tasks.hpp"
#include "threads.hpp"
#include "tls.hpp"
#include "watch.hpp"

namespace unblink {

namespace {

constexpr std::uint64_t kStepsAfterFailure = 10'000;  // for workers of a body that failed: they need never end

struct Outcome {
  PyObject* value = nullptr;
  PyObject* exception = nullptr;
};
Outcome outcome;
PyObject* on_leftover = nullptr;

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

// By an exception of its own, which is what a user sees, whatever becomes of its threads.
bool body_failed() { return outcome.exception != nullptr && PyObject_IsInstance(outcome.exception, PyExc_Exception) == 1; }

}  // namespace

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

PyObject* quiesce(PyObject*, PyObject*) {
  if (!here() || G.alive_workers == 0 || G.current() != 0) return PyLong_FromLong(G.alive_workers);
  std::uint64_t broken;
  do {
    broken = G.broken_waits;
    if (!go(G.engine.wait(Op::kJoin, kEndSite, kQuiescence, kForever))) return nullptr;
  } while (G.alive_workers > 0 && broken != G.broken_waits);
  return PyLong_FromLong(G.alive_workers);
}

bool main_awaits_workers() {
  const TaskRecord& record = G.engine.task(0);
  return !G.task(0).ended && record.state == TaskState::kWaiting && record.waits_for == kQuiescence;
}

void set_on_leftover(PyObject* callable) { Py_XSETREF(on_leftover, Py_XNewRef(callable)); }

namespace {

// Runs tasks until main has ended or nobody can go on.
void run_hub() {
  TaskId next = 0;
  for (;;) {
    G.engine.set_current(next);
    Task& task = G.me();
    if (G.current() != 0) task.fields.load(G.thread_state);
    resume(task);
    for (;;) {
      if (G.task(0).ended || G.interrupted || G.engine.ending() != Ending::kRunning) return;
      if (PyErr_Occurred()) return;
      next = kNone;
      if (!main_awaits_workers()) {
        G.engine.set_ending(Ending::kStuck);
        return;
      }
      G.engine.signal(kQuiescence);
      next = G.engine.next();
      next = with_a_stack(next);
      if (next != kNone) break;
    }
  }
}

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
      drop_unbegun(task);
      continue;
    }
    G.engine.set_current(id);
    task.fields.load(G.thread_state);
    resume(task);
    PyErr_Clear();
  }
  G.unwinding = false;
  --G.quiet;
}

void forget_tasks() {
  forget_handles();
  forget_loops();
  forget_buffered();
  for (std::size_t i = 0; i < G.task_count; ++i) {
    Task& task = *G.tasks[i];
    Py_CLEAR(task.thread);
    Py_CLEAR(task.sentinel);
    if (task.abandoned) task.greenlet = task.place = nullptr;  // leaked on purpose, with what it holds
  }
}

}  // namespace

bool execute(PyObject* body, Strategy& strategy, const RunOptions& options, ExecutionReport& report) {
  PyThreadState* ts = compat::thread_state();
  Py_XDECREF(PyContext_CopyCurrent());  // makes sure that the thread has a context, which main shares
  G.thread_state = ts;
  if (!enter_hub()) return false;
  look_after_tls();
  look_after_asyncio();
  look_after_internal_locks();
  look_after_foreign_loops();
  G.multi = G.unwinding = G.interrupted = G.let_go = false;
  G.refused_loop.clear();
  G.quiet = 0;
  G.alive_workers = 0;
  G.switches = 0;
  begin_signals();
  G.births = 0;
  G.forked = G.touched = false;
  ++G.executions;
  begin_outside();
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
  if (stuck || G.interrupted) keep_stubborn_tasks();
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
