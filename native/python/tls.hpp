// TLS over sockets that tasks wait for: see tls.cpp.
#pragma once

namespace unblink {

void look_after_tls();  // once `ssl` has been imported

}  // namespace unblink
