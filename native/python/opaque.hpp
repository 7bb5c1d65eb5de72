// Containers whose state nobody watches: a WeakValueDictionary, os.environ, an array, a package's own cache; and streams, whose
// buffer and position all who use them share.
//
// What they hold is no location that can be told from outside, but each use of them through their protocol is an
// operation on the whole that others may come between. Such uses are scheduling points and count in a proof; no race is told
// of them, for a lock may be inside.
#pragma once
#include <Python.h>

namespace unblink {

// Whether objects of the type are such containers. Asked again only when the type has changed.
bool is_opaque(PyTypeObject* type);

// Says that functions of this file are instrumented: containers whose methods stand there are no such.
void note_instrumented_file(PyObject* filename);

}  // namespace unblink
