// The idents of tasks. On Linux a thread's ident is its pthread_t, and glibc's is the address of a structure. Programs hand
// idents to pthread_setname_np (trio does, for each job of its threads), pthread_kill and pthread_getcpuclockid, which
// look into it. So there is memory behind ours, all zero: the structure of a thread that has no number, of which glibc
// says that it does not exist.
#include <sys/mman.h>

#include "ground.hpp"

namespace unblink {
namespace {

constexpr unsigned long kFirstIdent = 0x7e0000000000UL;
constexpr unsigned kBits = 12;  // a page each, which is longer than the structure
constexpr std::size_t kBehind = 1UL << (kBits + 14);  // for 16,384 tasks; a page costs nothing until it is written to

}  // namespace

unsigned long ident_of(TaskId id) { return kFirstIdent + (static_cast<unsigned long>(id) << kBits); }

void put_memory_behind_idents() {
#ifdef MAP_FIXED_NOREPLACE
  // Where something else is there already, there is memory all the same. Where there may be no more, idents are as bad
  // for those calls as that of a thread that has ended.
  static const void* const memory =
      mmap(reinterpret_cast<void*>(kFirstIdent), kBehind, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  (void)memory;
#endif
}

}  // namespace unblink
