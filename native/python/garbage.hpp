#pragma once
#include "compat.hpp"

namespace unblink {

bool install_garbage();
PyObject* set_heap_aside(PyObject*, PyObject*);   // until give_heap_back(), or until the program asks the collector for something
PyObject* give_heap_back(PyObject*, PyObject*);
PyObject* collect_garbage(PyObject*, PyObject*);  // of what was not set aside

}  // namespace unblink
