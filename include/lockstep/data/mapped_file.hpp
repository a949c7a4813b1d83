// Files of plain elements, mapped instead of read: a corpus larger than memory costs only the pages that are touched.
#pragma once

#include <lockstep/core/file.hpp>

#include <sys/mman.h>

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

namespace lockstep {

/// A read-only view of a file as an array of `T` in the machine's byte order, for example the uint16 tokens of a .bin
/// file. Keep the file as it is while it is mapped: a file cut short by somebody else ends the program (SIGBUS).
template <class T>
requires std::is_arithmetic_v<T>
class MappedFile {
 public:
  /// Leaves out the first `offset` bytes (a header). Throws IoError when the file cannot be read or the rest is not a
  /// whole number of elements.
  explicit MappedFile(const std::string& path, std::size_t offset = 0) {
    const FileDescriptor file = open_file(path, O_RDONLY);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) throw io_error("read", path);
    if (!S_ISREG(status.st_mode)) throw IoError(concat("cannot map '", path, "': it is not a regular file"));
    bytes_ = static_cast<std::size_t>(status.st_size);
    if (bytes_ < offset || (bytes_ - offset) % sizeof(T) != 0 || offset % sizeof(T) != 0) {
      throw IoError(concat("cannot map '", path, "': its ", bytes_, " bytes are not a header of ", offset,
                           " bytes and whole elements of ", sizeof(T), " bytes"));
    }
    offset_ = offset;
    if (bytes_ == 0) return;  // an empty file cannot be mapped
    void* memory = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, file.get(), 0);
    if (memory == MAP_FAILED) throw io_error("map", path);
    memory_ = static_cast<const std::byte*>(memory);
  }
  MappedFile(MappedFile&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        offset_(std::exchange(other.offset_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    std::swap(offset_, other.offset_);
    return *this;
  }
  ~MappedFile() {
    if (memory_ != nullptr) ::munmap(const_cast<std::byte*>(memory_), bytes_);
  }

  const T* data() const { return memory_ == nullptr ? nullptr : reinterpret_cast<const T*>(memory_ + offset_); }
  std::size_t size() const { return (bytes_ - offset_) / sizeof(T); }
  const T& operator[](std::size_t index) const { return data()[index]; }

 private:
  const std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t offset_ = 0;
};

}  // namespace lockstep
