// The watch: a thread that knows no Python until it has something to say. It speaks up when a call does not come back, and ends the
// spinning of who waits for a timer's signal, which the virtual clock would never come to.
//
// A process with two threads is warned when it forks (from Python 3.12 on). The watch is none of the program's: it ends before
// a fork, and begins again after it.
#include "watch.hpp"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include "ground.hpp"

namespace unblink {
namespace {

constexpr int kSilentSeconds = 5;
constexpr int kSpinningSeconds = 2;  // without a step

struct Watch {
  std::mutex mutex;
  std::condition_variable ends;
  bool is_over = false;
  bool speaks = false;  // and may wait for the interpreter
  std::thread thread;
};
Watch* current = nullptr;  // never deleted while its thread runs: the process may end at any time

// Where the execution's thread stands, if the call that does not return has let go of the interpreter.
void say_where(int seconds) {
  const PyGILState_STATE gil = PyGILState_Ensure();
  PyFrameObject* frame = G.active ? PyThreadState_GetFrame(G.thread_state) : nullptr;
  if (frame != nullptr) {
    PyCodeObject* code = PyFrame_GetCode(frame);
    dprintf(G.watch_fd,
                 "\nunblink: no scheduling point for %d s: %s, line %d, in %s does not come back, and no other task can\n"
                 "  run meanwhile [uncontrolled-blocking-call]\n",
                 seconds, PyUnicode_AsUTF8(code->co_filename), PyFrame_GetLineNumber(frame), PyUnicode_AsUTF8(code->co_qualname));
    Py_DECREF(code);
    Py_DECREF(frame);
    G.blocked_seconds = seconds;
  }
  PyGILState_Release(gil);
}

void keep_watch(Watch& own) {
  std::uint64_t seen = 0;
  int quiet = 0;
  std::unique_lock lock(own.mutex);
  while (!own.ends.wait_for(lock, std::chrono::seconds(1), [&own] { return own.is_over; })) {
    const std::uint64_t now = G.engine.steps() + G.executions * 0x100000000ULL;
    if (!G.active || now != seen || G.dozing) {
      seen = now;
      quiet = 0;
      continue;
    }
    own.speaks = true;
    lock.unlock();
    if (++quiet >= kSpinningSeconds && is_timer_overdue()) raise_overdue();
    if (quiet == kSilentSeconds) say_where(quiet);
    lock.lock();
    own.speaks = false;
  }
}

}  // namespace

void start_watch() {
  if (current != nullptr) return;
  sigset_t all, before;  // a signal to the process is not for the watch to take
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  current = new Watch;
  current->thread = std::thread([own = current] { keep_watch(*own); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

bool stop_watch() {
  if (current == nullptr) return false;
  {
    const std::lock_guard lock(current->mutex);
    if (current->speaks) return false;
    current->is_over = true;
  }
  current->ends.notify_one();
  current->thread.join();
  delete current;
  current = nullptr;
  return true;
}

void forget_watch() { current = nullptr; }

}  // namespace unblink
