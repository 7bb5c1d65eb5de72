// Files as shared state: see files.cpp.
#pragma once
#include <Python.h>

namespace unblink {

// An audit event of the interpreter, just before what it tells of. False: an exception is set.
bool visit_by_audit(const char* event, PyObject* args);

bool install_files();

}  // namespace unblink
