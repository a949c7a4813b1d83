// Mutual authentication of two ranks over any transport, as two state machines that know no socket:
//   hello ->   <- hello, HMAC(K, "server" || so far)   HMAC(K, "client" || so far) ->   <- verdict, HMAC(K, "verdict"
//   ||
// so far), with K made of the job's secret and id. Nonces of both sides make every proof good for one connection only.
// Neither address is part of what is proved: where addresses are translated, the two sides see different ones.
#pragma once

#include <lockstep/comm/launch/job_secret.hpp>
#include <lockstep/comm/tcp/crypto.hpp>
#include <lockstep/comm/tcp/handshake_messages.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace lockstep::detail {

/// What a rank says of itself in every handshake.
struct RankIdentity {
  int rank = 0;
  int size = 1;
  std::uint64_t epoch = 0;  ///< Which communicator of the job, after failures.
  std::uint32_t version = tcp_protocol_version;
  bool encrypt = false;
  int sockets_per_peer = 1;
  int process = 0;
  std::string host = {};

  /// The options that both sides must share, in the one word of the hellos.
  std::uint32_t flags() const {
    return (encrypt ? flag_encrypt : 0) | static_cast<std::uint32_t>(sockets_per_peer) << 8;
  }

  /// As a hello, a client's or a server's, names it; the rest is told once it is proved.
  template <class Hello>
  static RankIdentity named(const Hello& hello) {
    RankIdentity result;
    result.rank = static_cast<int>(hello.rank);
    result.size = static_cast<int>(hello.size);
    result.epoch = hello.epoch;
    result.version = hello.version;
    result.encrypt = (hello.flags & flag_encrypt) != 0;
    result.sockets_per_peer = static_cast<int>(hello.flags >> 8 & 255);
    result.host = "unknown";
    return result;
  }
};

/// "rank 1 (host a, pid 7)".
LOCKSTEP_ON_DEMAND std::string describe(const RankIdentity& identity) {
  return concat("rank ", identity.rank, " (host ", identity.host, ", pid ", identity.process, ")");
}

/// The key that all ranks of a job have, and the name they know it by.
struct JobKey {
  std::array<std::byte, 32> job{};
  Digest key{};

  /// Without a secret the key keeps jobs apart, not strangers out.
  LOCKSTEP_ON_DEMAND static JobKey from(std::string_view job_id, std::span<const std::byte> secret) {
    JobKey result;
    const auto id = std::as_bytes(std::span(job_id));
    if (::EVP_Digest(id.data(), id.size(), raw_writable(result.job), nullptr, ::EVP_sha256(), nullptr) != 1) {
      throw crypto_error("compute SHA-256");
    }
    static constexpr std::array<std::byte, 1> no_secret{};  // HKDF wants a key
    result.key =
        derive_key(secret.empty() ? std::span<const std::byte>(no_secret) : secret, result.job, "lockstep tcp job key");
    return result;
  }
};

/// Keys of one connection: each direction has its own.
struct SessionKeys {
  Digest send{};
  Digest receive{};
  Digest tls{};
};

/// Everything said so far, which the next proof covers.
class Transcript {
 public:
  void add(std::span<const std::byte> bytes) {
    std::memcpy(bytes_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  Proof prove(const Digest& key, std::string_view role) const {
    Transcript labelled;
    labelled.add(std::as_bytes(std::span(role)));
    labelled.add({bytes_.data(), size_});
    return hmac_sha256(key, {labelled.bytes_.data(), labelled.size_});
  }

 private:
  std::array<std::byte, 1536> bytes_{};
  std::size_t size_ = 0;
  static_assert(ClientHello::bytes + ServerHello::bytes + ClientProof::bytes + Verdict::bytes + 16 <= 1536);
};

/// What both sides have in common: whole messages in, whole messages out, never a byte more than the message at hand.
class HandshakeBuffers {
 public:
  /// Where the next received bytes go; empty when nothing is to be received now.
  std::span<std::byte> input() { return std::span(input_).subspan(received_, expected_ - received_); }
  /// What is to be sent now.
  std::span<const std::byte> output() const { return std::span(output_).subspan(sent_, queued_ - sent_); }
  void sent(std::size_t count) { sent_ += count; }

 protected:
  void expect(std::size_t bytes) {
    received_ = 0;
    expected_ = bytes;
  }
  /// True when the message at hand is whole.
  bool take(std::size_t count) {
    received_ += count;
    return received_ == expected_;
  }
  std::span<const std::byte> message() const { return std::span(input_).first(expected_); }
  void queue(std::span<const std::byte> bytes) {
    std::memcpy(output_.data() + queued_, bytes.data(), bytes.size());
    queued_ += bytes.size();
  }

 private:
  std::array<std::byte, Verdict::bytes> input_{};
  std::array<std::byte, Verdict::bytes + ClientHello::bytes + ClientProof::bytes> output_{};
  std::size_t received_ = 0, expected_ = 0, sent_ = 0, queued_ = 0;
};

LOCKSTEP_ON_DEMAND SessionKeys session_keys(const Digest& key, const Nonce& client, const Nonce& server,
                                            bool is_client) {
  std::array<std::byte, 64> salt;
  std::memcpy(salt.data(), client.data(), 32);
  std::memcpy(salt.data() + 32, server.data(), 32);
  const Digest forth = derive_key(key, salt, "lockstep tcp client to server");
  const Digest back = derive_key(key, salt, "lockstep tcp server to client");
  return {is_client ? forth : back, is_client ? back : forth, derive_key(key, salt, "lockstep tcp tls 1.3 psk")};
}

/// The side that connected.
class ClientHandshake : public HandshakeBuffers {
 public:
  enum class State {
    answer,    // waiting for the other side's hello and proof
    verdict,   // the other side has proved itself, this side's proof is on its way
    accepted,  // done
    refused,   // the job's rank at the other end does not let this one in: refusal()
    stranger,  // the other side did not prove that it knows the secret: fault()
  };

  LOCKSTEP_ON_DEMAND ClientHandshake(const RankIdentity& self, const JobKey& key, int target, PeerChannel channel)
      : key_(key) {
    hello_.version = self.version;
    hello_.flags = self.flags();
    hello_.job = key.job;
    hello_.epoch = self.epoch;
    hello_.rank = static_cast<std::uint32_t>(self.rank);
    hello_.size = static_cast<std::uint32_t>(self.size);
    hello_.target = static_cast<std::uint32_t>(target);
    hello_.channel = channel;
    fill_with_random(hello_.nonce);
    own_.process = static_cast<std::uint32_t>(self.process);
    own_.host = self.host;
    send(encode(hello_));
    expect(ServerHello::bytes);
  }

  /// Says that `count` bytes were received into input().
  LOCKSTEP_ON_DEMAND void received(std::size_t count) {
    if (!take(count)) return;
    if (state_ == State::answer) {
      on_answer();
    } else if (state_ == State::verdict) {
      on_verdict();
    }
  }

  State state() const { return state_; }
  const std::string& refusal() const { return refusal_; }
  const char* fault() const { return fault_; }
  /// The rank at the other end, once it has proved itself; host and process once it has spoken its verdict.
  const RankIdentity& peer() const { return peer_; }
  SessionKeys keys() const { return session_keys(key_.key, hello_.nonce, server_nonce_, true); }

 private:
  template <std::size_t Bytes>
  void send(const std::array<std::byte, Bytes>& bytes) {
    transcript_.add(bytes);
    queue(bytes);
  }

  void stop(const char* fault) {
    state_ = State::stranger;
    fault_ = fault;
    expect(0);
  }

  LOCKSTEP_ON_DEMAND void on_answer() {
    const Parsed<ServerHello> answer = parse_server_hello(message());
    if (!answer) return stop(answer.error);
    transcript_.add(message().first(ServerHello::bytes - sizeof(Proof)));
    if (!equal_in_constant_time(answer.value.proof, transcript_.prove(key_.key, "server"))) {
      return stop("it knows the id of this job, but not its secret");
    }
    transcript_.add(message().last(sizeof(Proof)));
    server_nonce_ = answer.value.nonce;
    peer_ = RankIdentity::named(answer.value);
    const auto unproved = encode(own_);
    transcript_.add(std::span(unproved).first(ClientProof::bytes - sizeof(Proof)));
    own_.proof = transcript_.prove(key_.key, "client");
    transcript_.add(own_.proof);
    queue(encode(own_));
    state_ = State::verdict;
    expect(Verdict::bytes);
  }

  LOCKSTEP_ON_DEMAND void on_verdict() {
    const Parsed<Verdict> verdict = parse_verdict(message());
    if (!verdict) return stop(verdict.error);
    transcript_.add(message().first(Verdict::bytes - sizeof(Proof)));
    if (!equal_in_constant_time(verdict.value.proof, transcript_.prove(key_.key, "verdict"))) {
      return stop("its verdict was changed on the way");
    }
    peer_.process = static_cast<int>(verdict.value.process);
    peer_.host = verdict.value.host;
    refusal_ = verdict.value.refusal;
    state_ = verdict.value.accepted ? State::accepted : State::refused;
    expect(0);
  }

  JobKey key_;
  ClientHello hello_;
  ClientProof own_;
  Nonce server_nonce_{};
  Transcript transcript_;
  RankIdentity peer_;
  std::string refusal_;
  const char* fault_ = "";
  State state_ = State::answer;
};

/// The side that listens. It answers only those that name its job, and says more only to those that prove it.
class ServerHandshake : public HandshakeBuffers {
 public:
  enum class State {
    hello,     // nothing valid received yet
    proof,     // the other side named this job and has to prove it
    proved,    // call accept() or refuse(): hello() and peer() are to be believed
    accepted,  // done, as soon as output() is sent
    refused,   // likewise
    stranger,  // close the connection without a word
  };

  LOCKSTEP_ON_DEMAND ServerHandshake(const RankIdentity& self, const JobKey& key) : self_(self), key_(key) {
    expect(ClientHello::bytes);
  }

  /// Says that `count` bytes were received into input().
  LOCKSTEP_ON_DEMAND void received(std::size_t count) {
    if (!take(count)) return;
    if (state_ == State::hello) {
      on_hello();
    } else if (state_ == State::proof) {
      on_proof();
    }
  }

  LOCKSTEP_ON_DEMAND void accept() { judge(true, {}); }
  LOCKSTEP_ON_DEMAND void refuse(std::string_view reason) { judge(false, reason); }

  State state() const { return state_; }
  const ClientHello& hello() const { return hello_; }
  const RankIdentity& peer() const { return peer_; }
  SessionKeys keys() const { return session_keys(key_.key, hello_.nonce, nonce_, false); }

 private:
  void stop() {
    state_ = State::stranger;
    expect(0);
  }

  LOCKSTEP_ON_DEMAND void on_hello() {
    const Parsed<ClientHello> hello = parse_client_hello(message());
    if (!hello || !equal_in_constant_time(hello.value.job, key_.job)) return stop();
    hello_ = hello.value;
    transcript_.add(message());
    ServerHello answer;
    answer.version = self_.version;
    answer.flags = self_.flags();
    answer.epoch = self_.epoch;
    answer.rank = static_cast<std::uint32_t>(self_.rank);
    answer.size = static_cast<std::uint32_t>(self_.size);
    fill_with_random(nonce_);
    answer.nonce = nonce_;
    const auto unproved = encode(answer);
    transcript_.add(std::span(unproved).first(ServerHello::bytes - sizeof(Proof)));
    answer.proof = transcript_.prove(key_.key, "server");
    transcript_.add(answer.proof);
    queue(encode(answer));
    state_ = State::proof;
    expect(ClientProof::bytes);
  }

  LOCKSTEP_ON_DEMAND void on_proof() {
    const Parsed<ClientProof> proof = parse_client_proof(message());
    if (!proof) return stop();
    transcript_.add(message().first(ClientProof::bytes - sizeof(Proof)));
    if (!equal_in_constant_time(proof.value.proof, transcript_.prove(key_.key, "client"))) return stop();
    transcript_.add(proof.value.proof);
    peer_ = RankIdentity::named(hello_);
    peer_.process = static_cast<int>(proof.value.process);
    peer_.host = proof.value.host;
    state_ = State::proved;
    expect(0);
  }

  LOCKSTEP_ON_DEMAND void judge(bool accepted, std::string_view reason) {
    Verdict verdict;
    verdict.accepted = accepted;
    verdict.process = static_cast<std::uint32_t>(self_.process);
    verdict.host = self_.host;
    verdict.refusal = reason;
    const auto unproved = encode(verdict);
    transcript_.add(std::span(unproved).first(Verdict::bytes - sizeof(Proof)));
    verdict.proof = transcript_.prove(key_.key, "verdict");
    queue(encode(verdict));
    state_ = accepted ? State::accepted : State::refused;
  }

  RankIdentity self_;
  JobKey key_;
  ClientHello hello_;
  Nonce nonce_{};
  Transcript transcript_;
  RankIdentity peer_;
  State state_ = State::hello;
};

}  // namespace lockstep::detail
