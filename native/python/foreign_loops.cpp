// Event loops that are none of asyncio's own: uvloop and its like wait in C, for real time, and no task can run meanwhile.
//
// Every loop says that it runs by _set_running_loop, before it waits for the first time. There control ends for an execution
// with a loop that we do not know: nothing of it could be claimed, and a hang would be the likeliest outcome. Where main is the
// only task it goes on without control; where there are others, which have begun in virtual time, all are ended. A loop
// whose run_forever is written in Python stands on select like asyncio's, and is controlled; so is what has no such loop at
// all (trio). Loops of Qt and GLib are written in Python too, but what they call waits in C: these are known by name.
#include "foreign_loops.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "asyncio_state.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

using Call = PyObject* (*)(PyObject*, PyObject*);
void* o_set_running_loop;

constexpr const char* kForeign[] = {"uvloop", "winloop", "rloop", "qasync", "asyncqt", "quamash", "gbulb",
                                    "gi",     "PySide6", "PySide2", "PyQt6", "PyQt5"};

bool is_of_package(const char* module, const char* package) {
  const std::size_t length = std::strlen(package);
  return std::strncmp(module, package, length) == 0 && (module[length] == '\0' || module[length] == '.');
}

bool is_foreign(PyObject* type) {
  PyObject* module = PyObject_GetAttr(type, names().module);
  const char* name = module != nullptr && PyUnicode_Check(module) ? PyUnicode_AsUTF8(module) : nullptr;
  const bool is = name != nullptr && std::any_of(std::begin(kForeign), std::end(kForeign),
                                                 [name](const char* package) { return is_of_package(name, package); });
  Py_XDECREF(module);
  PyErr_Clear();
  return is;
}

bool is_controllable(PyTypeObject* type) {
  for (Py_ssize_t i = 0; type->tp_mro != nullptr && i < PyTuple_GET_SIZE(type->tp_mro); ++i)
    if (is_foreign(PyTuple_GET_ITEM(type->tp_mro, i))) return false;
  PyObject* method = compat::type_lookup(type, names().run_forever);
  return method == nullptr || PyFunction_Check(method);  // a stand-in that a test has made has no such method at all
}

// A loop says twice in each run that it runs, and mostly all are of one class.
bool is_known(PyTypeObject* type) {
  static unsigned int known = 0;  // no two classes, and no two states of one class, have the same version tag
  if (known != 0 && compat::type_version(type) == known) return true;
  if (!is_controllable(type)) return false;
  known = compat::type_version(type);
  return true;
}

// True: main is alone, and is let go on as if there were no control, to its end. False: the execution ends; an exception is set.
bool refuse(const std::string& name) {
  if (!G.unwinding && G.refused_loop.empty()) {
    G.refused_loop = name;
    G.refused_at = site_of_call(Op::kGet);
    G.let_go = G.current() == 0 && G.engine.alive() == 1;
    if (G.let_go) {
      G.active = false;
      G.refresh_live();
      return true;
    }
    G.engine.set_ending(Ending::kStepLimit);  // the hub ends every task
  }
  if (go(kNone)) PyErr_SetString(PyExc_RuntimeError, "this event loop cannot be controlled");
  return false;
}

PyObject* set_running_loop(PyObject* self, PyObject* loop) {
  if (!here() || loop == Py_None || is_known(Py_TYPE(loop))) return reinterpret_cast<Call>(o_set_running_loop)(self, loop);
  PyObject* module = PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(loop)), "__module__");
  const char* text = module != nullptr && PyUnicode_Check(module) ? PyUnicode_AsUTF8(module) : nullptr;
  const std::string name = std::string(text != nullptr ? text : "?") + "." + _PyType_Name(Py_TYPE(loop));
  Py_XDECREF(module);
  PyErr_Clear();
  return refuse(name) ? reinterpret_cast<Call>(o_set_running_loop)(self, loop) : nullptr;
}

}  // namespace

void look_after_foreign_loops() {
  if (G.looks_after_foreign_loops) return;
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "_asyncio");
  if (module == nullptr || !PyObject_HasAttrString(module, "_set_running_loop")) return;
  G.looks_after_foreign_loops = true;
  compat::find_running_loop(module);
  if (!swap_method(module, "_set_running_loop", METH_O, reinterpret_cast<void*>(set_running_loop), &o_set_running_loop)) PyErr_Clear();
}

bool refuse_loop_in_c() {
  static PyObject* function = PyUnicode_InternFromString("set_wakeup_fd");
  PyFrameObject* frame = PyThreadState_GetFrame(G.thread_state);
  if (frame == nullptr) return false;
  PyCodeObject* code = PyFrame_GetCode(frame);
  PyObject* names = PyObject_GetAttrString(reinterpret_cast<PyObject*>(code), "co_names");
  const bool by_python = names == nullptr || PySequence_Contains(names, function) != 0;
  Py_XDECREF(names);
  Py_DECREF(code);
  Py_DECREF(frame);
  PyErr_Clear();
  for (const char* package : kForeign) {
    if (by_python || PyDict_GetItemString(PyImport_GetModuleDict(), package) == nullptr) continue;
    return !refuse(std::string(package) + ".Loop");
  }
  return false;
}

// (class, site, whether main was let go on) of the loop for which control of the last execution ended, or None
PyObject* take_refused_loop(PyObject*, PyObject*) {
  if (G.refused_loop.empty()) Py_RETURN_NONE;
  PyObject* row = Py_BuildValue("(sIO)", G.refused_loop.c_str(), G.refused_at, G.let_go ? Py_True : Py_False);
  G.refused_loop.clear();
  G.let_go = false;
  return row;
}

}  // namespace unblink
