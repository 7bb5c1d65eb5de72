// What an execution does that cannot be controlled, seen by the interpreter's own audit events, so that the report
// can name it. And the watch that speaks up when a call does not come back.
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>

#include "databases.hpp"
#include "files.hpp"
#include "ground.hpp"
#include "foreign_loops.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

struct Rule {
  const char* event;
  Uncontrolled kind;
};
constexpr Rule kRules[] = {
    {"subprocess.Popen", Uncontrolled::kProcess}, {"os.fork", Uncontrolled::kProcess},
    {"os.forkpty", Uncontrolled::kProcess},       {"os.posix_spawn", Uncontrolled::kProcess},
    {"os.system", Uncontrolled::kProcess},        {"os.exec", Uncontrolled::kProcess},
    {"pty.spawn", Uncontrolled::kProcess},
};

int audit(const char* event, PyObject* args, void*) {
  if (event[0] == 's' && std::strncmp(event, "sqlite3.", 8) == 0) note_sqlite(event, args);
  if (event[0] == 'i' && G.active && std::strcmp(event, "import") == 0) look_after_foreign_loops();  // if that was asyncio, just now
  if (!G.active || (event[0] != 'o' && event[0] != 's' && event[0] != 'p')) return 0;
  if (compat::thread_state() != G.thread_state) return 0;
  for (const Rule& rule : kRules)
    if (std::strcmp(event, rule.event) == 0) note_uncontrolled(rule.kind);
  return event[0] == 'o' && !visit_by_audit(event, args) ? -1 : 0;
}

// ---- the watch: a thread that knows no Python until it has something to say

std::atomic<bool> watching{false};
constexpr int kSilentSeconds = 5;
constexpr int kSpinningSeconds = 2;  // without a step: whoever spins for a timer's signal never lets the virtual clock come to it

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

void watch() {
  std::uint64_t seen = 0;
  int quiet = 0;
  for (;;) {
    const timespec second = {1, 0};
    nanosleep(&second, nullptr);
    const std::uint64_t now = G.engine.steps() + G.executions * 0x100000000ULL;
    if (!G.active || now != seen || G.dozing) {
      seen = now;
      quiet = 0;
      continue;
    }
    if (++quiet >= kSpinningSeconds && is_timer_overdue()) raise_overdue();
    if (quiet == kSilentSeconds) say_where(quiet);
  }
}

}  // namespace

void note_uncontrolled(Uncontrolled kind) {
  if (kind == Uncontrolled::kProcess || kind == Uncontrolled::kSocket) G.outside_world = true;
  const SiteId site = site_of_call(Op::kYield);
  for (const auto& known : G.uncontrolled)
    if (known.first == kind && known.second == site) return;
  if (G.uncontrolled.size() < 100) G.uncontrolled.emplace_back(kind, site);
}

void start_watch() {
  if (watching.exchange(true)) return;
  sigset_t all, before;  // a signal to the process is not for the watch to take
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread(watch).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void forget_watch() { watching = false; }  // a forked child has none

bool install_audit() {
  static bool installed = false;
  if (installed) return true;
  installed = true;
  return PySys_AddAuditHook(audit, nullptr) == 0;
}

}  // namespace unblink
