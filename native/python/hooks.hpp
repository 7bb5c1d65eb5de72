#pragma once
#include "ground.hpp"

namespace unblink {

extern PyMethodDef hook_definitions[];  // the ten hooks of instrument/protocol.py
bool prepare_hooks();
PyObject* set_effects(PyObject*, PyObject* table);  // {type: {method: (place, access)}}

}  // namespace unblink
