// What runs beside an execution without being controlled: child processes, threads that were there before, the other
// ends of sockets. Nobody can choose what these do, nor hurry them. So while one of them may act, time passes as in life:
// before the virtual clock goes to a deadline, as much real time is given to them; a stall takes as long as it says. A
// timeout that a program would not see in life it does not see here.
//
// Where no deadline is, they are waited for as long as makes sense of their kind, and then they are taken for silent. From
// then on, in this exploration, several times as long as their longest answer took.
#include "outside.hpp"

#include <sys/wait.h>
#include <time.h>

#include <algorithm>

#include "databases.hpp"
#include "execution.hpp"
#include "foreign_loops.hpp"

namespace unblink {

namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kShort = 200 * kMillisecond;
constexpr Nanos kLong = 10'000 * kMillisecond;
constexpr Nanos kLongForChildren = 60'000 * kMillisecond;  // they compute; whoever answers over a socket is there for that
constexpr Nanos kForTerminals = 25 * kMillisecond;
constexpr Nanos kShortestDoze = 50'000;
constexpr Nanos kLongestStall = 1'000 * kMillisecond;

bool threads_beside = false;  // this execution
bool in_vain = false;
Nanos slowest_answer = 0, longest_silence = 0;  // this exploration
bool was_silent = false;

// Threads of Python that were not there when the session began.
bool has_other_threads() {
  int count = 0;
  for (PyThreadState* ts = PyInterpreterState_ThreadHead(G.thread_state->interp); ts != nullptr; ts = PyThreadState_Next(ts)) ++count;
  return count > G.baseline_threads;
}

bool has_children() {
  siginfo_t info;
  return G.has_child && ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// A thread that is not controlled may have let go of a lock, or put something into a queue: whoever waits for that can go on.
bool wake_externals() {
  bool woken = false;
  for (std::size_t i = 0; i < G.task_count; ++i) {
    const auto id = static_cast<TaskId>(i);
    const TaskId actor = G.engine.task(id).acting;
    const TaskRecord& record = G.engine.task(actor);
    if (G.task(id).ended || record.state != TaskState::kWaiting) continue;
    if (record.waits_for == kNoKey || (record.waits_for & kUntold) != 0) continue;
    PyObject* object = reinterpret_cast<PyObject*>(record.waits_for);
    const bool free = (record.pending.op == Op::kAcquire && !lock_is_held(object)) || (record.pending.op == Op::kGet && queue_has_items(object));
    if (!free) continue;
    G.engine.wake(actor);
    woken = true;
  }
  return woken;
}

void doze(Nanos duration) {
  Py_BEGIN_ALLOW_THREADS
  const timespec pause = {duration / 1'000'000'000, duration % 1'000'000'000};
  nanosleep(&pause, nullptr);
  Py_END_ALLOW_THREADS
}

// How long somebody outside is waited for.
Nanos patience_for(Nanos left, bool children, bool outside) {
  if (!outside) return left == kForever ? kForTerminals * 50 : std::min(left, kForTerminals);
  if (left != kForever && (children || threads_beside)) return left;
  if (main_awaits_workers()) return kShort;
  const Nanos most = children ? kLongForChildren : kLong;
  return std::min(left, was_silent ? std::min(most, kShort + 4 * slowest_answer) : most);
}

void let_pass(Nanos duration) {
  G.dozing = true;
  doze(duration);
  G.dozing = false;
  wake_probing();
  wake_externals();
}

void pace() { G.engine.set_pace(let_pass, kLongestStall); }

}  // namespace

Nanos real_now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

void begin_outside() {
  G.has_child = G.outside_world = G.terminals = G.used_descriptors = false;
  in_vain = false;
  threads_beside = has_other_threads();
  G.engine.set_idle(idle);
  G.engine.set_pace(nullptr, kForever);
  if (threads_beside) pace();
}

void note_child() {
  if (!here() || G.has_child) return;
  G.has_child = true;
  pace();
}

bool idle(Nanos left, Nanos& passed) {
  const bool probes = anyone_probes();
  if ((probes && wake_probing()) || (threads_beside && wake_externals())) return true;
  const bool children = has_children();
  const bool outside = threads_beside || children || (probes && G.outside_world);
  if (!outside && !(probes && G.terminals)) return false;
  const Nanos began = real_now(), patience = patience_for(left, children, outside);
  G.dozing = true;
  bool woken = false;
  Nanos waited = 0;
  for (Nanos pause = kShortestDoze; !woken && waited < patience; pause = std::min(2 * pause, kMillisecond)) {
    doze(std::min(pause, patience - waited));
    if (PyErr_CheckSignals() < 0) {
      PyErr_Clear();
      G.interrupted = true;
      break;
    }
    woken = wake_probing() || wake_externals();
    waited = real_now() - began;
  }
  G.dozing = false;
  if (woken) {
    passed = left == kForever ? waited : std::min(waited, left - 1);
    slowest_answer = std::max(slowest_answer, waited);
  } else if (left == kForever && outside && !G.interrupted) {
    in_vain = true;
    longest_silence = std::max(longest_silence, waited);
    was_silent = was_silent || waited >= kLong;
  }
  return woken;
}

void look_outside() {
  if ((G.has_child || threads_beside || G.outside_world) && anyone_probes()) wake_probing();
}

Nanos waited_in_vain() { return in_vain ? longest_silence : 0; }

void forget_outside() {
  slowest_answer = longest_silence = 0;
  was_silent = false;
}

}  // namespace unblink
