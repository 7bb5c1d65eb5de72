// Taking over C functions: the pointer inside a PyMethodDef (or a getset, or a type slot) is exchanged, so that
// every reference to the function, however and whenever it was obtained, reaches ours.
#pragma once
#include "compat.hpp"

namespace unblink {

// Exchanges the function behind `owner.name`; `*original` receives the old one. Refuses, with a Python error
// that names the function and the interpreter, when it does not exist or its calling convention is not
// `flags` (METH_CLASS and METH_STATIC included).
bool swap_method(PyObject* owner, const char* name, int flags, void* replacement, void** original);
int convention_of(PyObject* owner, const char* name);  // of a C function; -1 if it is none
bool swap_getter(PyObject* owner, const char* name, getter replacement, getter* original);
bool swap_new(PyTypeObject* type, newfunc replacement, newfunc* original);
bool swap_init(PyTypeObject* type, initproc replacement, initproc* original);
bool swap_finalizer(PyTypeObject* type, destructor replacement, destructor* original);
void swap_pointer(void** place, void* replacement, void** original);  // in a table of somebody else's
void restore_all();

bool install_locks();
bool install_threads();
bool install_queue();
bool install_clocks();
bool install_entropy();
bool install_descriptors();
bool install_sockets();
bool install_audit();
bool install_introspection();
bool install_processes();
bool install_signals();
bool check_layouts();

bool refuse(const char* what, const char* why);

}  // namespace unblink
