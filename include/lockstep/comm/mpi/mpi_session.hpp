// MPI in this process: initialised when the first communicator is made and nobody has done it, finalised when the
// process ends, and only if it was initialised here. MPI cannot be initialised twice, so the end of the last
// communicator is no reason to finalise it: another may follow.
#pragma once

#include <lockstep/comm/mpi/mpi_api.hpp>
#include <lockstep/comm/mpi/mpi_failure.hpp>
#include <lockstep/comm/mpi/mpi_notices.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/tensor/memory.hpp>

#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace lockstep::detail {

/// A communicator that this rank has left.
struct DepartedMpi {
  std::unique_ptr<MpiNotices> notices;
  bool failed = false;                     ///< Or something else was left unfinished.
  std::vector<AlignedMemory> memory = {};  ///< That messages without a receiver may still lie in.
};

class MpiSession {
 public:
  /// The one of this process. Throws EnvironmentError when MPI has been finalised, or may not be called here.
  static MpiSession& instance() {
    static MpiSession session;
    session.require_usable();
    return session;
  }

  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  ~MpiSession() {
    if (!owner_ || process_ != ::getpid() || is_finalized()) return;
    // Where a rank may be gone, MPI_Finalize would wait for it for ever. Ending without it makes mpirun end the job.
    if (!bury(std::chrono::seconds(5), true)) return;
    MPI_Finalize();
  }

  static bool is_finalized() {
    int finalized = 0;
    return MPI_Finalized(&finalized) == MPI_SUCCESS && finalized != 0;
  }

  /// Notes a communicator in use: MPI may be finalised before its end.
  void enter(MpiNotices& notices) { present_.push_back(&notices); }

  /// Takes over a communicator that this rank has left; it ends when all ranks have.
  void take(DepartedMpi departed) {
    std::erase(present_, departed.notices.get());
    departed_.push_back(std::move(departed));
    bury(std::chrono::nanoseconds::zero(), false);
  }

  /// Ends what is over, waiting so long at most; returns false when a communicator that failed is not.
  bool bury(std::chrono::nanoseconds patience, bool last) {
    const Deadline deadline = Deadline::after(patience);
    bool known = true;
    for (std::size_t i = departed_.size(); i-- > 0;) {
      if (process_ != ::getpid()) return true;
      DepartedMpi& departed = departed_[i];
      while (!is_over(departed) && !deadline.passed()) {
        const timespec nap{0, 50'000};
        ::nanosleep(&nap, nullptr);
      }
      const bool over = is_over(departed);
      if (!over && departed.failed) known = false;
      if (!over && !last) continue;
      departed.notices->close(over && !departed.failed);
      if (over && !departed.failed) departed_.erase(departed_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return known;
  }

 private:
  MpiSession() {
    require_not_finalized();
    int initialized = 0;
    MPI_Initialized(&initialized);
    if (initialized != 0) {
      end_with_mpi();
      return;
    }
    int provided = MPI_THREAD_SINGLE;
    const int code = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
    if (code != MPI_SUCCESS) throw EnvironmentError(concat("mpi: MPI_Init_thread failed: ", mpi_error_text(code)));
    owner_ = true;
    end_with_mpi();
  }

  static void require_not_finalized() {
    if (is_finalized()) {
      throw EnvironmentError(
          "mpi: MPI has been finalised in this process and cannot be initialised again; make communicators before "
          "that");
    }
  }

  static void require_usable() {
    require_not_finalized();
    int level = MPI_THREAD_SINGLE, main_thread = 0;
    MPI_Query_thread(&level);
    MPI_Is_thread_main(&main_thread);
    if (level >= MPI_THREAD_SERIALIZED || (level == MPI_THREAD_FUNNELED && main_thread != 0)) return;
    throw EnvironmentError(concat("mpi: MPI was initialised with ",
                                  level == MPI_THREAD_SINGLE ? "MPI_THREAD_SINGLE" : "MPI_THREAD_FUNNELED",
                                  level == MPI_THREAD_SINGLE ? ", but this library has threads"
                                                             : ", but this is not the thread that initialised it",
                                  "; initialise it with MPI_Init_thread and MPI_THREAD_SERIALIZED, or leave it to the "
                                  "first communicator"));
  }

  /// MPI_Finalize deletes the attributes of MPI_COMM_SELF before anything else: the last moment to end communicators.
  void end_with_mpi() {
    int key = MPI_KEYVAL_INVALID;
    if (MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, &at_finalize, &key, nullptr) == MPI_SUCCESS) {
      MPI_Comm_set_attr(MPI_COMM_SELF, key, this);
      MPI_Comm_free_keyval(&key);
    }
  }
  static int at_finalize(MPI_Comm, int, void* session, void*) {
    static_cast<MpiSession*>(session)->close();
    return MPI_SUCCESS;
  }

  void close() {
    bury(std::chrono::seconds(1), true);
    for (MpiNotices* notices : present_) notices->close(false);
    present_.clear();
  }

  static bool is_over(DepartedMpi& departed) {
    try {
      return departed.notices->over();
    } catch (const MpiFailure&) {
      departed.failed = true;
      return false;
    }
  }

  bool owner_ = false;
  pid_t process_ = ::getpid();
  std::vector<MpiNotices*> present_;
  std::vector<DepartedMpi> departed_;
};

}  // namespace lockstep::detail
