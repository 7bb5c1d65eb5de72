// What runs beside an execution without being controlled. See outside.cpp.
#pragma once
#include "ground.hpp"

namespace unblink {

Nanos real_now();  // of the system's own clock
void begin_outside();

// The engine asks when no task is ready, before the clock moves: gives real time to whoever is outside. True: a task can
// go on, and `passed` is for how long it had waited. `left` is the time to the next deadline, kForever if there is none.
bool idle(Nanos left, Nanos& passed);

// What came from outside meanwhile is noticed though a task that polls never waits.
void look_outside();

// A child process is there from now on.
void note_child();

// Whether the last execution waited in vain for whoever is outside, without any deadline: the longest such wait of this
// exploration; 0 if it did not.
Nanos waited_in_vain();
void forget_outside();

}  // namespace unblink
