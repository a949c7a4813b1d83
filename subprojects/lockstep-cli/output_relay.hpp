// Passes on what a rank writes: whole lines at a time, so that ranks do not tear each other's lines, with a prefix.
#pragma once

#include "output_sink.hpp"
#include <lockstep/core/file.hpp>

#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

namespace lockstep::cli {

/// One stream of one rank on its way to one of the launcher's streams and to the rank's log file.
class OutputRelay {
 public:
  /// `source` is non-blocking; `log` may be null. Both `sink` and `log` must outlive the relay.
  OutputRelay(FileDescriptor source, OutputSink* sink, std::string prefix, const FileDescriptor* log)
      : source_(std::move(source)), sink_(sink), prefix_(std::move(prefix)), log_(log) {}

  int descriptor() const { return source_.get(); }
  bool open() const { return static_cast<bool>(source_); }
  /// The last line that is not blank.
  const std::string& last_line() const { return last_line_; }
  bool wants_input() const { return open() && !sink_->full(); }

  /// Reads what is there, up to a bound that keeps one chatty rank from starving the others.
  /// Returns false when nothing was there.
  bool read_some() {
    char buffer[16384];
    const ssize_t count = ::read(source_.get(), buffer, sizeof buffer);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (count <= 0) {
      finish();
      return false;
    }
    const std::string_view text(buffer, static_cast<std::size_t>(count));
    write_log(text);
    pass_on(text);
    return true;
  }

  /// Ends the relay; a last line without a line feed gets one.
  void finish() {
    if (!line_.empty()) end_line();
    source_.close();
  }

 private:
  void write_log(std::string_view text) {
    if (log_ == nullptr) return;
    try {
      write_all(*log_, text.data(), text.size(), "its log file");
    } catch (const IoError& error) {  // a full disk shall not end the job
      log_ = nullptr;
      sink_->append(concat(prefix_, "(", error.what(), "; the output is shown only)\n"));
    }
  }

  void pass_on(std::string_view text) {
    constexpr std::size_t longest_line = 65536;  // longer ones are passed on in pieces
    while (!text.empty()) {
      const std::size_t feed = text.find('\n');
      const std::size_t length = feed == std::string_view::npos ? text.size() : feed;
      line_.append(text.substr(0, length));
      text.remove_prefix(length);
      if (!text.empty()) {
        text.remove_prefix(1);
        end_line();
      } else if (line_.size() >= longest_line) {
        end_line();
      }
    }
  }

  void end_line() {
    if (line_.find_first_not_of(" \t\r") != std::string::npos) last_line_ = line_;
    line_.insert(0, prefix_);
    line_ += '\n';
    sink_->append(line_);
    line_.clear();
  }

  FileDescriptor source_;
  OutputSink* sink_;
  std::string prefix_;
  const FileDescriptor* log_;
  std::string line_;       // begun, not ended
  std::string last_line_;  // ended, without the prefix
};

}  // namespace lockstep::cli
