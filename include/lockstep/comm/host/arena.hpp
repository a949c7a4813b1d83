// Memory that several processes map: one sealed memfd per allocation, cut into one part per rank. It has no name,
// cannot be truncated under a reader, and is gone when the last process that maps it is.
#pragma once

#include <lockstep/comm/host/mapping.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/core/shared.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace lockstep::detail {

inline constexpr std::size_t huge_page = std::size_t{2} << 20;

/// Makes sealed shared memory; an empty result and errno when the system refuses.
LOCKSTEP_ON_DEMAND FileDescriptor make_sealed_memory(std::size_t bytes) {
  FileDescriptor memory(::memfd_create("lockstep", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) return {};
  if (::ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0) return {};
  if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return {};
  return memory;
}

/// Whether received memory is what it has to be: without the seals, a peer could make every access a SIGBUS.
inline bool is_sealed_memory(const FileDescriptor& memory, std::size_t bytes) {
  struct stat status {};
  if (::fstat(memory.get(), &status) != 0 || status.st_size != static_cast<off_t>(bytes)) return false;
  const int seals = ::fcntl(memory.get(), F_GET_SEALS);
  return seals >= 0 && (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) == (F_SEAL_SHRINK | F_SEAL_GROW);
}

/// Maps shared memory; an empty result and errno when the system refuses. `sparse`: most of it is never touched.
LOCKSTEP_ON_DEMAND Mapping map_shared(const FileDescriptor& memory, std::size_t bytes, bool sparse = false) {
  void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (base == MAP_FAILED) return {};
  if (bytes >= huge_page) ::madvise(base, bytes, sparse ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);  // only a wish
  return Mapping(static_cast<std::byte*>(base), bytes);
}

/// Takes the pages of a range from the system now, on this rank's memory node, so that a shortage is an error code here
/// and not a SIGBUS later. Returns 0 or an errno value.
inline int reserve_pages(const FileDescriptor& memory, std::size_t offset, std::size_t bytes) {
  while (::fallocate(memory.get(), 0, static_cast<off_t>(offset), static_cast<off_t>(bytes)) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

/// The allocations that this process maps, by number; ranks number them alike because they allocate together.
class ArenaTable {
 public:
  struct Entry {
    std::uint64_t number;
    std::byte* base;
    std::size_t part;  ///< Bytes from one rank's part to the next.
    std::byte* own;
  };

  LOCKSTEP_ON_DEMAND void add(const Entry& entry) { entries_.push_back(entry); }
  void remove(std::uint64_t number) {  // a plain loop: std::erase_if is a hundred instantiations in every program
    for (Entry& entry : entries_) {
      if (entry.number != number) continue;
      entry = entries_.back();
      return entries_.pop_back();
    }
  }
  const Entry* by_number(std::uint64_t number) const {
    for (const Entry& entry : entries_) {
      if (entry.number == number) return &entry;
    }
    return nullptr;
  }
  /// The allocation in whose own part the range lies.
  const Entry* by_address(const std::byte* address, std::size_t bytes) const {
    const auto first = reinterpret_cast<std::uintptr_t>(address);
    for (const Entry& entry : entries_) {
      const auto own = reinterpret_cast<std::uintptr_t>(entry.own);
      if (first >= own && first - own <= entry.part && bytes <= entry.part - (first - own)) return &entry;
    }
    return nullptr;
  }

 private:
  std::vector<Entry> entries_;
};

/// One rank's part of an allocation, and the mapping of all parts. Peers map them independently.
class ArenaMemory {
 public:
  ArenaMemory() = default;
  ArenaMemory(Shared<ArenaTable> table, std::uint64_t number, Mapping mapping, std::byte* data, std::size_t size)
      : table_(std::move(table)), number_(number), mapping_(std::move(mapping)), data_(data), size_(size) {}
  ArenaMemory(ArenaMemory&& other) noexcept
      : table_(std::move(other.table_)),
        number_(other.number_),
        mapping_(std::move(other.mapping_)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  ArenaMemory& operator=(ArenaMemory&& other) noexcept {
    if (this != &other) {
      release();
      table_ = std::move(other.table_);
      number_ = other.number_;
      mapping_ = std::move(other.mapping_);
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  ~ArenaMemory() { release(); }

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  LOCKSTEP_ON_DEMAND void release() {
    if (table_ != nullptr) table_->remove(number_);
    table_ = nullptr;
  }

  Shared<ArenaTable> table_;
  std::uint64_t number_ = 0;
  Mapping mapping_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace lockstep::detail
