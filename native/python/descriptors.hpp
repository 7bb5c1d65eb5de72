// What else waits for descriptors: see descriptors.cpp.
#pragma once
#include "ground.hpp"

namespace unblink {

// Waits, as a task, until the descriptor can be read or written (poll's events). False: an exception is set.
bool await_descriptor(int descriptor, short events, Op op);

}  // namespace unblink
