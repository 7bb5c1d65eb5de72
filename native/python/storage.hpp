// How SQLite reaches the system, while an execution is under control: nothing is synced, who sleeps waits as a task, and the time is the virtual one.
#pragma once
#include "ground.hpp"

namespace unblink {

// Of SQLite's interface only what we use, and as its documentation promises that it stays.
struct SqliteFile;
struct SqliteFileMethods {
  int version;
  int (*close)(SqliteFile*);
  int (*read)(SqliteFile*, void*, int, std::int64_t);
  int (*write)(SqliteFile*, const void*, int, std::int64_t);
  int (*truncate)(SqliteFile*, std::int64_t);
  int (*sync)(SqliteFile*, int);
  int (*size)(SqliteFile*, std::int64_t*);
  int (*lock)(SqliteFile*, int);
  int (*unlock)(SqliteFile*, int);
  int (*check_reserved)(SqliteFile*, int*);
  int (*control)(SqliteFile*, int, void*);
  int (*sector_size)(SqliteFile*);
  int (*characteristics)(SqliteFile*);
  // from version 2
  int (*shared_map)(SqliteFile*, int, int, int, void volatile**);
  int (*shared_lock)(SqliteFile*, int, int, int);
  void (*shared_barrier)(SqliteFile*);
  int (*shared_unmap)(SqliteFile*, int);
  // from version 3
  int (*fetch)(SqliteFile*, std::int64_t, int, void**);
  int (*unfetch)(SqliteFile*, std::int64_t, void*);
};
struct SqliteFile {
  const SqliteFileMethods* methods;
};
struct SqliteSystem {  // sqlite3_vfs
  int version;
  int file_size;
  int longest_path;
  SqliteSystem* next;
  const char* name;
  void* data;
  int (*open)(SqliteSystem*, const char*, SqliteFile*, int, int*);
  int (*remove)(SqliteSystem*, const char*, int);
  int (*access)(SqliteSystem*, const char*, int, int*);
  int (*full_path)(SqliteSystem*, const char*, int, char*);
  void* (*library_open)(SqliteSystem*, const char*);
  void (*library_error)(SqliteSystem*, int, char*);
  void (*(*library_symbol)(SqliteSystem*, void*, const char*))();
  void (*library_close)(SqliteSystem*, void*);
  int (*randomness)(SqliteSystem*, int, char*);
  int (*sleep)(SqliteSystem*, int);
  int (*time)(SqliteSystem*, double*);  // in days
  int (*last_error)(SqliteSystem*, int, char*);
  // from version 2
  int (*milliseconds)(SqliteSystem*, std::int64_t*);
};

// Takes over the systems of SQLite that are `first` and those behind it, until the ground is given back.
void look_after_storage(SqliteSystem* first);

Key key_of_database_file(const char* path);  // kNoKey if there is none
Key refused_file();                          // whose lock was refused last
void forget_refusal();
// A cache of pages on disk that connections share is locked by the OS thread that is in it: nobody may switch there.
void note_shared_cache();

// SQLite lets go of the interpreter; whatever it calls of ours takes it back for as long as this lives.
class Attached {
 public:
  Attached() : detached_(compat::thread_state() == nullptr) {
    if (detached_) PyEval_RestoreThread(G.thread_state);
  }
  ~Attached() {
    if (detached_) PyEval_SaveThread();
  }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  bool detached_;
};

}  // namespace unblink
