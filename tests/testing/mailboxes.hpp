// Threads whose messages go through mailboxes: the simplest thing that can send and receive.
#pragma once

#include <lockstep/comm/threads.hpp>
#include <lockstep/core/error.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace lockstep::testing {

enum class MailFault { none, reordered, mixed_up_parts };

/// The messages of a group that nobody has received yet: source, destination and number among those of the pair.
struct Mailboxes {
  using Key = std::tuple<int, int, std::uint64_t>;
  std::mutex mutex;
  std::condition_variable arrived;
  std::map<Key, std::vector<std::byte>> messages;
  std::set<int> left;  // ranks that have left: what has not arrived from them will not
};

template <MailFault fault>
class MailThreads : public Threads {
 public:
  struct Sent {
    Sent() = default;
    Sent(Sent&&) = default;
    Sent& operator=(Sent&&) = default;
    ~Sent() {}
    void wait() {}
    bool test() { return true; }
  };

  class Received {
   public:
    Received(std::shared_ptr<Mailboxes> boxes, Mailboxes::Key key, std::span<std::byte> buffer)
        : boxes_(std::move(boxes)), key_(key), buffer_(buffer) {}
    Received(Received&&) = default;
    Received& operator=(Received&&) = default;
    ~Received() { take(std::chrono::seconds(1)); }

    void wait() {
      if (!take(std::chrono::seconds(30))) throw CommunicationError("mailboxes: a message has not arrived");
    }
    bool test() { return take(std::chrono::seconds(0)); }

   private:
    bool take(std::chrono::seconds limit) {
      if (boxes_ == nullptr) return true;
      std::unique_lock lock(boxes_->mutex);
      boxes_->arrived.wait_for(
          lock, limit, [&] { return boxes_->left.count(std::get<0>(key_)) == 1 || boxes_->messages.count(key_) == 1; });
      const auto message = boxes_->messages.find(key_);
      if (message == boxes_->messages.end()) return false;
      if (fault == MailFault::reordered) {
        auto next = key_;
        ++std::get<2>(next);
        const auto other = boxes_->messages.find(next);
        if (other != boxes_->messages.end() && other->second.size() == message->second.size()) {
          std::swap(other->second, message->second);
        }
      }
      if (!buffer_.empty()) std::memcpy(buffer_.data(), message->second.data(), buffer_.size());
      boxes_->messages.erase(message);
      lock.unlock();
      boxes_ = nullptr;
      return true;
    }

    std::shared_ptr<Mailboxes> boxes_;
    Mailboxes::Key key_;
    std::span<std::byte> buffer_;
  };

  explicit MailThreads(Threads&& threads)
      : Threads(std::move(threads)),
        sent_(static_cast<std::size_t>(size())),
        received_(static_cast<std::size_t>(size())) {
    // Rank 0 shows the others where the mailboxes are.
    if (rank() == 0) boxes_ = std::make_shared<Mailboxes>();
    auto address = reinterpret_cast<std::int64_t>(&boxes_);
    broadcast(std::span<std::int64_t>(&address, 1), 0);
    if (rank() != 0) boxes_ = *reinterpret_cast<std::shared_ptr<Mailboxes>*>(address);
    barrier();
  }
  MailThreads(MailThreads&&) = default;
  MailThreads& operator=(MailThreads&&) = default;
  ~MailThreads() {
    if (boxes_ == nullptr || fault == MailFault::mixed_up_parts) return;
    const std::lock_guard lock(boxes_->mutex);
    boxes_->left.insert(rank());
    boxes_->arrived.notify_all();
  }

  template <class T>
  requires Element<std::remove_const_t<T>> Sent send_async(std::span<T> buffer, int destination) {
    detail::check_peer("send", "destination", destination, rank(), size());
    const auto bytes = std::as_bytes(buffer);
    const std::lock_guard lock(boxes_->mutex);
    const std::uint64_t number = sent_[static_cast<std::size_t>(destination)]++;
    boxes_->messages[{rank(), destination, number}].assign(bytes.begin(), bytes.end());
    boxes_->arrived.notify_all();
    return {};
  }
  template <Element T>
  Received receive_async(std::span<T> buffer, int source) {
    detail::check_peer("receive", "source", source, rank(), size());
    const std::uint64_t number = received_[static_cast<std::size_t>(source)]++;
    return Received(boxes_, {source, rank(), number}, std::as_writable_bytes(buffer));
  }
  template <class T>
  requires Element<std::remove_const_t<T>>
  void send(std::span<T> buffer, int destination) { static_cast<void>(send_async(buffer, destination)); }
  template <Element T>
  void receive(std::span<T> buffer, int source) {
    receive_async(buffer, source).wait();
  }

  MailThreads split(int color, int key) {
    MailThreads part(Threads::split(color, key));
    if (fault == MailFault::mixed_up_parts) {
      part.boxes_ = boxes_;
      part.sent_ = sent_;
      part.received_ = received_;
    }
    return part;
  }

 private:
  std::shared_ptr<Mailboxes> boxes_;
  std::vector<std::uint64_t> sent_, received_;
};

static_assert(Communicator<MailThreads<MailFault::none>>);

}  // namespace lockstep::testing
