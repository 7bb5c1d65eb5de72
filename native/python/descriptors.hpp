// What else waits for descriptors: see descriptors.cpp.
#pragma once
#include "ground.hpp"

namespace unblink {

// Waits, as a task, until the descriptor can be read or written (poll's events). False: an exception is set.
bool await_descriptor(int descriptor, short events, Op op);

// The same, with a deadline. 1: ready, 0: the deadline passed, -1: an exception is set.
int await_descriptor_until(int descriptor, short events, Op op, Nanos deadline);

// After something was written to a descriptor by other means than socket's own: nothing of it is held back.
void push_out_of(int descriptor);

// Stands before an operation on descriptors; false: an exception is set.
bool stand_before(Op op, SiteId& site);
int wait_until_ready(const Probe& probe, Op op, SiteId site, Nanos deadline);
int is_ready(int descriptor, short events);

// Both, for whatever can be looked at without waiting.
int await_probe(const Probe& probe, Op op, Nanos deadline);

}  // namespace unblink
