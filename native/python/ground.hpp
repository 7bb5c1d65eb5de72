// The ground's state: the one execution that may be active, its tasks, and the greenlets on which they live.
//
// All tasks of an execution share the OS thread `G.thread_state`. On every other OS thread, and when no
// execution is active, a shim calls straight through to the original. Invariant: `G.current()` is the task whose
// greenlet is running, and the thread state holds that task's ThreadFields.
#pragma once
#include "compat.hpp"
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "../core/engine.hpp"
#include "../core/strategies/directed.hpp"
#include "../core/strategies/dpor.hpp"
#include "../core/strategies/steered.hpp"
#include "../core/strategies/strategies.hpp"

typedef struct _greenlet PyGreenlet;  // greenlet.h is for tasks.cpp alone: its API is a static of each file

namespace unblink {

// An operation of which the receiver is known and the rest is still being evaluated (see protocol.py).
struct PendingOperand {
  SiteId site;
  void* frame;  // identity only
  PyObject* object;
  PyObject* key;  // or null; both owned
};

using Probe = std::function<int()>;  // 1: ready, 0: not yet, -1: an exception is set

// What an execution did that cannot be controlled.
enum class Uncontrolled : std::uint8_t { kProcess, kSocket, kBlocking, kSignal, kLoop, kTask };

enum class TaskKind : std::uint8_t { kThread, kAsyncio, kArrival };  // reports: what a task is

struct Task {
  PyGreenlet* greenlet = nullptr;
  PyGreenlet* place = nullptr;  // the program's own in which it stopped, where it is not `greenlet`; owned
  compat::ThreadFields fields;
  PyObject* function = nullptr;
  PyObject* arguments = nullptr;
  PyObject* keywords = nullptr;
  PyObject* ident = nullptr;
  PyObject* thread = nullptr;    // the threading.Thread, where there is one
  PyObject* handle = nullptr;    // 3.13: its _ThreadHandle
  PyObject* sentinel = nullptr;  // before 3.13: the lock that its end releases
  unsigned long ident_number = 0;
  TaskId starter = kNone;  // to whom a booting task returns
  SiteId created_at = kNoSite;
  bool booting = false;
  bool daemon = false;
  TaskKind kind = TaskKind::kThread;
  bool ended = false;
  bool abandoned = false;
  int exits = 0;  // how often it was told to exit while unwinding
  Key quiet_lock = kNoKey;  // lock of the `_started` event, while start() waits for it
  std::vector<PendingOperand> operands;
  // While it waits on a descriptor: whether that is ready. It holds what it needs by value, for the stack of a task
  // that is not running is somewhere else.
  Probe probe;
};

struct AskedSignal {
  int number;
  bool really;  // it is raised; otherwise Python's own handler is told of it, as by interrupt_main()
};

struct Unhandled {
  TaskId task;
  PyObject* type;
  PyObject* value;
  PyObject* traceback;
  PyObject* hook;  // threading.excepthook when it happened, borrowed identity
};

struct Ground {
  bool active = false;  // an execution runs
  bool multi = false;   // it has started a second task
  bool live = false;    // hooks matter: active, multi and not quiet
  int quiet = 0;        // >0: operations are no scheduling points
  bool unwinding = false;
  bool interrupted = false;
  bool installed = false;
  bool looks_after_sqlite = false, looks_after_tls = false, looks_after_asyncio = false, looks_after_foreign_loops = false;
  PyThreadState* thread_state = nullptr;

  Engine engine;
  Directed directed;
  Steered steered;
  Dpor dpor;
  std::unordered_map<std::string, std::unique_ptr<Strategy>> strategies;
  std::vector<std::unique_ptr<Task>> tasks;
  std::size_t task_count = 0;
  std::vector<PyGreenlet*> idle;
  PyGreenlet* hub = nullptr;
  std::vector<PyObject*> held;  // locks taken in this execution and not released yet; owned
  std::vector<Unhandled> unhandled;
  int alive_workers = 0;  // tasks but main that are no daemons
  PyObject* observer = nullptr;
  PyObject* site_observer = nullptr;
  PyObject* on_stuck = nullptr;
  Key test_code = kNoKey;  // of the function that is the test, if that is known
  std::vector<PyObject*> invariants;  // callables; owned, of this execution
  std::vector<std::pair<Uncontrolled, SiteId>> uncontrolled;  // since it was last asked for
  bool used_descriptors = false;  // this execution waited for descriptors, whose order no log holds
  bool outside_world = false;  // this execution talks to another process
  bool terminals = false;      // it waits for what comes through one
  int baseline_threads = 1;    // of Python, when the session began
  int blocked_seconds = 0;
  std::string refused_loop;  // class of an event loop for which the execution was ended
  SiteId refused_at = kNoSite;
  bool let_go = false;  // main, to go on without control
  int watch_fd = 2;  // where the watch says what blocks
  std::uint64_t executions = 0;
  bool dozing = false;  // waits for the outside world, knowingly
  Rng entropy;
  Nanos epoch = 0;
  Nanos processor_time = 0;
  Nanos wall_offset = 0;  // of the wall clock, which a program may set
  std::uint64_t last_ident = 0;
  PyObject* random_instance = nullptr;
  Key limbo_lock = kNoKey;
  Key shutdown_lock = kNoKey;
  Key logging_lock = kNoKey;
  Key policy_lock = kNoKey;
  std::uint64_t switches = 0;
  std::uint64_t abandoned = 0;

  Py_hash_t births = 0;  // threads and futures that were hashed in this execution
  std::vector<AskedSignal> signals_for_main;  // by other tasks, and by timers
  std::uint64_t broken_waits = 0;  // waits of main that a signal broke off
  bool touched = false;               // a thread of this execution has touched the loop of another
  bool has_child = false;             // this execution has started a child process
  bool forked = false;                // this process is a child that was forked in the middle of an execution
  PyObject* fork_ident = nullptr;     // of the task that forked, borrowed

  TaskId current() const { return engine.thread(); }  // an asyncio task runs on the thread of its loop
  Task& task(TaskId id) { return *tasks[static_cast<std::size_t>(id)]; }
  Task& me() { return task(engine.thread()); }
  void make_room_for(TaskId id, TaskKind kind);
  void refresh_live() { live = active && multi && quiet == 0; }
};

extern Ground G;

// Whether a shim is to control this call.
inline bool here() { return G.active && compat::thread_state() == G.thread_state; }
// Whether an operation of the current task is a scheduling point.
inline bool points_on() { return G.multi && G.quiet == 0; }

struct Quiet {  // our own code runs Python: nothing it does is an operation of the program
  Quiet() {
    ++G.quiet;
    G.refresh_live();
  }
  ~Quiet() {
    --G.quiet;
    G.refresh_live();
  }
};

struct Inactive {  // shims call straight through for as long as this lives
  bool was;
  Inactive() : was(G.active) {
    G.active = false;
    G.refresh_live();
  }
  ~Inactive() {
    G.active = was;
    G.refresh_live();
  }
};

// Monotonic clocks start at a value of their own, as on a machine that has been up for a while.
inline constexpr Nanos kBoot = 100'000LL * 1'000'000'000LL;

inline Key key_of(const void* object) { return reinterpret_cast<Key>(object); }
inline constexpr Key kQuiescence = 1ULL << 62;
inline constexpr Key kWire = (1ULL << 62) + 1;  // whatever goes through descriptors, whichever

// --- tasks.cpp
bool import_greenlet();
bool go(TaskId next);  // continue with `next`; false: an exception is set, the current task must unwind
bool point(Op op, Key key);
// Lets others go on where the current task has done very much since its last point; see Engine::since_point.
inline constexpr std::uint32_t kTooMuch = 10'000;
inline bool is_spinning() { return G.engine.since_point() > kTooMuch && points_on(); }
bool rest();
TaskId start_task(PyObject* function, PyObject* arguments, PyObject* keywords, bool daemon);
bool boot(TaskId child);        // run a started threading.Thread to just before its run()
bool end_boot();                // called in the child: give control back to its starter
bool invariants_hold();  // false: an exception is set
void observe(Op op, SiteId site, PyObject* object, PyObject* detail);
void drop_operands(Task& task);
void deactivate_after_fork();
PyObject* frame_of(const Task& task);  // where it stands, or None; a new reference

// --- execution.cpp
PyObject* quiesce(PyObject*, PyObject*);  // main waits until its workers have ended

// --- descriptors.cpp
inline constexpr int kOthersCanGoOn = 2;  // what a probe may answer: not this task, but others
bool wake_probing();
bool anyone_probes();
void wire_changed();

// --- uncontrolled.cpp
void note_uncontrolled(Uncontrolled kind);

// --- idents.cpp
unsigned long ident_of(TaskId id);  // of every task but main, which has its OS thread's
void put_memory_behind_idents();

// --- sites.cpp
SiteId site_of_call(Op op);  // where the current task calls a function of the ground

// --- signals.cpp
void trip_signals();     // in main: its handlers run before its next bytecode
bool deliver_signals();  // in main, which goes on: false if a handler that broke off its wait has raised
void begin_signals();
bool is_timer_overdue();  // for the watch, of any thread
void raise_overdue();

// --- hooks.cpp
Key key_of_attribute(const void* object, PyObject* interned_name);

// --- births.cpp
PyObject* order_by_birth(PyObject*, PyObject* args);
void forget_births();

// --- queue.cpp
bool queue_has_items(PyObject* object);  // false also for what is no SimpleQueue

// --- locks.cpp (used by others)
void look_after_internal_locks();
void own_for_os_thread(unsigned long ident);  // RLocks that are held under `ident` become the OS thread's
bool lock_is_held(PyObject* lock);
void release_held_locks();
int take_lock(PyObject* self, bool blocking, Nanos timeout, Op op);
// Converts a timeout object; returns false with the interpreter's own exception if it is none. What to say of negative
// values is left to the original function.
bool timeout_of(PyObject* object, Nanos& timeout);
inline Nanos deadline_after(Nanos timeout) {
  return timeout == kForever || timeout > kForever - G.engine.now() ? kForever : G.engine.now() + timeout;
}

}  // namespace unblink
