// What the module offers for searching: see searching.cpp.
#pragma once
#include "ground.hpp"

namespace unblink {

Strategy* strategy_named(const char* name);  // null: an exception is set

PyObject* proof(PyObject*, PyObject*);
PyObject* steer(PyObject*, PyObject*);
PyObject* prepare(PyObject*, PyObject*);
PyObject* take_log(PyObject*, PyObject*);
PyObject* direct(PyObject*, PyObject* rows);
PyObject* stall_places(PyObject*, PyObject*);
PyObject* bind(PyObject*, PyObject* args);
PyObject* missed(PyObject*, PyObject*);
PyObject* take_in(PyObject*, PyObject*);
PyObject* take_knowledge(PyObject*, PyObject*);
PyObject* give_knowledge(PyObject*, PyObject*);
PyObject* restore_proof(PyObject*, PyObject*);

template <class Rows, class Make>
PyObject* list_of(const Rows& rows, Make make) {
  PyObject* list = PyList_New(static_cast<Py_ssize_t>(rows.size()));
  if (list == nullptr) return nullptr;
  Py_ssize_t i = 0;
  for (const auto& row : rows) {
    PyObject* made = make(row);
    if (made == nullptr) {
      Py_DECREF(list);
      return nullptr;
    }
    PyList_SET_ITEM(list, i++, made);
  }
  return list;
}

}  // namespace unblink
