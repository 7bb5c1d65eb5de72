// What an execution does that cannot be controlled, seen by the interpreter's own audit events, so that the report
// can name it.

#include <cstring>

#include "databases.hpp"
#include "files.hpp"
#include "ground.hpp"
#include "foreign_loops.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

struct Rule {
  const char* event;
  Uncontrolled kind;
};
constexpr Rule kRules[] = {
    {"subprocess.Popen", Uncontrolled::kProcess}, {"os.fork", Uncontrolled::kProcess},
    {"os.forkpty", Uncontrolled::kProcess},       {"os.posix_spawn", Uncontrolled::kProcess},
    {"os.system", Uncontrolled::kProcess},        {"os.exec", Uncontrolled::kProcess},
    {"pty.spawn", Uncontrolled::kProcess},
};

int audit(const char* event, PyObject* args, void*) {
  if (event[0] == 's' && std::strncmp(event, "sqlite3.", 8) == 0) note_sqlite(event, args);
  if (event[0] == 'i' && G.active && std::strcmp(event, "import") == 0) look_after_foreign_loops();  // if that was asyncio, just now
  if (!G.active || (event[0] != 'o' && event[0] != 's' && event[0] != 'p')) return 0;
  if (compat::thread_state() != G.thread_state) return 0;
  for (const Rule& rule : kRules)
    if (std::strcmp(event, rule.event) == 0) note_uncontrolled(rule.kind);
  return event[0] == 'o' && !visit_by_audit(event, args) ? -1 : 0;
}

}  // namespace

void note_uncontrolled(Uncontrolled kind) {
  if (kind == Uncontrolled::kProcess || kind == Uncontrolled::kSocket) G.outside_world = true;
  const SiteId site = site_of_call(Op::kYield);
  for (const auto& known : G.uncontrolled)
    if (known.first == kind && known.second == site) return;
  if (G.uncontrolled.size() < 100) G.uncontrolled.emplace_back(kind, site);
}

bool install_audit() {
  static bool installed = false;
  if (installed) return true;
  installed = true;
  return PySys_AddAuditHook(audit, nullptr) == 0;
}

}  // namespace unblink
