// multiprocessing's semaphores: see semaphores.cpp.
#pragma once

namespace unblink {

bool install_semaphores();

}  // namespace unblink
