// Processes that a program starts while it is controlled. They run in real time and beside every task.
//
// In a forked child only the task that forked goes on, as the child's main thread under the ident that it had; the
// ground is gone there, from before the first handler that Python runs after a fork. In the parent, from the first child on, the
// virtual clock no longer jumps for nothing: a program that polls for the end of a child gives it real time to end.
#include <pthread.h>
#include <time.h>

#include "ground.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

using Call = PyObject* (*)(PyObject*, void*, void*, void*);  // arguments are handed through as they came

constexpr Nanos kNoJump = 1'000'000;
constexpr Nanos kLongestPause = 50'000'000;  // for which subprocess sleeps between two looks at a child

void *o_fork_exec, *o_spawn, *o_spawnp;

void note_child() {
  if (!here() || G.outside) return;
  G.outside = G.outside_world = true;
  G.seen_now = G.engine.now();
}

PyObject* fork_exec(PyObject* a, void* b, void* c, void* d) {
  note_child();
  return reinterpret_cast<Call>(o_fork_exec)(a, b, c, d);
}
PyObject* spawn(PyObject* a, void* b, void* c, void* d) {
  note_child();
  return reinterpret_cast<Call>(o_spawn)(a, b, c, d);
}
PyObject* spawnp(PyObject* a, void* b, void* c, void* d) {
  note_child();
  return reinterpret_cast<Call>(o_spawnp)(a, b, c, d);
}

// Runs inside fork(): nothing may be allocated and no Python run.
void in_child() {
  if (!here()) return;
  const TaskId me = G.current();
  if (me >= 0) {
    G.fork_ident = G.task(me).ident;
    own_for_os_thread(G.task(me).ident_number);
    for (std::size_t i = 0; i < G.task_count; ++i)
      if (static_cast<TaskId>(i) != me) G.task(static_cast<TaskId>(i)).ended = true;
  }
  G.alive_workers = 0;
  G.forked = true;
  G.active = false;
  G.refresh_live();
}

}  // namespace

void pause_for_children() {
  const Nanos jump = G.engine.now() - G.seen_now;
  G.seen_now = G.engine.now();
  if (jump < kNoJump) return;
  const timespec pause = {0, static_cast<long>(jump < kLongestPause ? jump : kLongestPause)};
  Py_BEGIN_ALLOW_THREADS
  nanosleep(&pause, nullptr);
  Py_END_ALLOW_THREADS
}

bool install_processes() {
  static const bool watched = pthread_atfork(nullptr, note_child, in_child) == 0;
  PyObject* posix = PyImport_ImportModule("posix");
  PyObject* subprocess = posix ? PyImport_ImportModule("_posixsubprocess") : nullptr;
  if (subprocess == nullptr) return false;
#if PY_VERSION_HEX >= 0x030C0000
  constexpr int kForkExec = METH_FASTCALL;
#else
  constexpr int kForkExec = METH_VARARGS;
#endif
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const bool ok = watched && swap_method(subprocess, "fork_exec", kForkExec, f(fork_exec), &o_fork_exec) &&
                  swap_method(posix, "posix_spawn", METH_FASTCALL | METH_KEYWORDS, f(spawn), &o_spawn) &&
                  swap_method(posix, "posix_spawnp", METH_FASTCALL | METH_KEYWORDS, f(spawnp), &o_spawnp);
  Py_DECREF(posix);
  Py_DECREF(subprocess);
  return ok;
}

}  // namespace unblink
