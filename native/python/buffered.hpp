// The locks inside of buffered files: see buffered.cpp.
#pragma once
#include "ground.hpp"

namespace unblink {

bool install_buffered();
void forget_buffered();  // at the end of an execution: who was inside is gone

}  // namespace unblink
