#include "swap.hpp"

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "ground.hpp"

namespace unblink {
namespace {

std::vector<std::function<void()>> undo;

PyMethodDef* definition_of(PyObject* function) {
  if (PyCFunction_Check(function)) return reinterpret_cast<PyCFunctionObject*>(function)->m_ml;
  if (Py_IS_TYPE(function, &PyMethodDescr_Type) || Py_IS_TYPE(function, &PyClassMethodDescr_Type))
    return reinterpret_cast<PyMethodDescrObject*>(function)->d_method;
  return nullptr;
}

// The attribute as it stands in the owner's own dict, so that a class method is not bound.
PyObject* raw_attribute(PyObject* owner, const char* name) {
  if (PyType_Check(owner)) {
    PyObject* text = PyUnicode_FromString(name);
    if (text == nullptr) return nullptr;
    PyObject* found = compat::type_lookup(reinterpret_cast<PyTypeObject*>(owner), text);
    Py_DECREF(text);
    return Py_XNewRef(found);
  }
  PyObject* found = PyObject_GetAttrString(owner, name);
  if (found == nullptr) PyErr_Clear();
  return found;
}

std::string name_of(PyObject* owner, const char* name) {
  const char* module = PyModule_Check(owner) ? PyModule_GetName(owner) : nullptr;
  if (PyType_Check(owner)) module = reinterpret_cast<PyTypeObject*>(owner)->tp_name;
  return std::string(module != nullptr ? module : "?") + "." + name;
}

}  // namespace

bool refuse(const char* what, const char* why) {
  PyErr_Format(PyExc_ImportError, "%s: %s on Python %s", what, why, Py_GetVersion());
  return false;
}

bool swap_method(PyObject* owner, const char* name, int flags, void* replacement, void** original) {
  PyObject* function = raw_attribute(owner, name);
  if (function == nullptr) return refuse(name_of(owner, name).c_str(), "is not there");
  PyMethodDef* definition = definition_of(function);
  if (definition == nullptr) {
    Py_DECREF(function);
    return refuse(name_of(owner, name).c_str(), "is not a C function");
  }
  if ((definition->ml_flags & ~METH_COEXIST) != flags) {
    Py_DECREF(function);
    return refuse(name_of(owner, name).c_str(), "has an unexpected calling convention");
  }
  void* old = reinterpret_cast<void*>(definition->ml_meth);
  *original = old;
  definition->ml_meth = reinterpret_cast<PyCFunction>(replacement);
  // A bound built-in of a module keeps a vectorcall chosen by convention only, so nothing else holds the pointer.
  undo.push_back([definition, old, function] {
    definition->ml_meth = reinterpret_cast<PyCFunction>(old);
    Py_DECREF(function);
  });
  return true;
}

int convention_of(PyObject* owner, const char* name) {
  PyObject* function = raw_attribute(owner, name);
  PyMethodDef* definition = function == nullptr ? nullptr : definition_of(function);
  const int flags = definition == nullptr ? -1 : definition->ml_flags & ~METH_COEXIST;
  Py_XDECREF(function);
  return flags;
}

bool swap_getter(PyObject* owner, const char* name, getter replacement, getter* original) {
  PyObject* descriptor = raw_attribute(owner, name);
  if (descriptor == nullptr || !Py_IS_TYPE(descriptor, &PyGetSetDescr_Type)) {
    Py_XDECREF(descriptor);
    return refuse(name_of(owner, name).c_str(), "is not a getset");
  }
  PyGetSetDef* definition = reinterpret_cast<PyGetSetDescrObject*>(descriptor)->d_getset;
  *original = definition->get;
  const getter old = definition->get;
  definition->get = replacement;
  undo.push_back([definition, old, descriptor] {
    definition->get = old;
    Py_DECREF(descriptor);
  });
  return true;
}

bool swap_new(PyTypeObject* type, newfunc replacement, newfunc* original) {
  if (type->tp_new == nullptr) return refuse(type->tp_name, "cannot be made");
  *original = type->tp_new;
  const newfunc old = type->tp_new;
  type->tp_new = replacement;
  Py_INCREF(type);
  undo.push_back([type, old] {
    type->tp_new = old;
    Py_DECREF(type);
  });
  return true;
}

bool swap_init(PyTypeObject* type, initproc replacement, initproc* original) {
  if (type->tp_init == nullptr) return refuse(type->tp_name, "is not initialised");
  *original = type->tp_init;
  const initproc old = type->tp_init;
  type->tp_init = replacement;
  Py_INCREF(type);
  undo.push_back([type, old] {
    type->tp_init = old;
    Py_DECREF(type);
  });
  return true;
}

bool swap_finalizer(PyTypeObject* type, destructor replacement, destructor* original) {
  if (type->tp_finalize == nullptr) return refuse(type->tp_name, "has no finalizer");
  *original = type->tp_finalize;
  const destructor old = type->tp_finalize;
  type->tp_finalize = replacement;
  Py_INCREF(type);
  undo.push_back([type, old] {
    type->tp_finalize = old;
    Py_DECREF(type);
  });
  return true;
}

void restore_all() {
  while (!undo.empty()) {
    undo.back()();
    undo.pop_back();
  }
}

static bool check_file_layout() {
  PyObject* io = PyImport_ImportModule("_io");
  PyObject* file = io ? PyObject_CallMethod(io, "FileIO", "s", "/dev/null") : nullptr;
  PyObject* number = file ? PyObject_CallMethod(file, "fileno", nullptr) : nullptr;
  const bool ok = number != nullptr && PyLong_AsLong(number) == compat::file_descriptor(file);
  PyObject* closed = file ? PyObject_CallMethod(file, "close", nullptr) : nullptr;
  Py_XDECREF(closed);
  Py_XDECREF(number);
  Py_XDECREF(file);
  Py_XDECREF(io);
  if (PyErr_Occurred()) return false;
  return ok || refuse("_io.FileIO", "has an unexpected layout");
}

bool check_layouts() {
  bool ok = false;
  PyObject* thread = PyImport_ImportModule("_thread");
  PyObject* lock = thread ? PyObject_CallMethod(thread, "allocate_lock", nullptr) : nullptr;
  PyObject* rlock = thread ? PyObject_CallMethod(thread, "RLock", nullptr) : nullptr;
  if (lock != nullptr && rlock != nullptr) {
    auto* l = reinterpret_cast<compat::Lock*>(lock);
    auto* r = reinterpret_cast<compat::RLock*>(rlock);
    ok = l->locked == 0 && r->count == 0 && r->owner == 0;
    for (int i = 0; ok && i < 2; ++i) {
      PyObject* taken = PyObject_CallMethod(rlock, "acquire", nullptr);
      ok = taken == Py_True;
      Py_XDECREF(taken);
    }
    PyObject* taken = ok ? PyObject_CallMethod(lock, "acquire", nullptr) : nullptr;
    ok = ok && taken == Py_True && l->locked == 1 && r->count == 2 && r->owner == PyThread_get_thread_ident();
    ok = ok && PyThread_acquire_lock(l->lock, NOWAIT_LOCK) == 0 && PyThread_acquire_lock(r->lock, NOWAIT_LOCK) == 0;
    Py_XDECREF(taken);
    for (int i = 0; i < 2; ++i) Py_XDECREF(PyObject_CallMethod(rlock, "release", nullptr));
    Py_XDECREF(PyObject_CallMethod(lock, "release", nullptr));
    ok = ok && !PyErr_Occurred() && l->locked == 0 && r->count == 0;
  }
  Py_XDECREF(rlock);
  Py_XDECREF(lock);
  Py_XDECREF(thread);
  if (PyErr_Occurred()) return false;
  return (ok || refuse("_thread.lock", "has an unexpected layout")) && check_file_layout();
}

}  // namespace unblink
