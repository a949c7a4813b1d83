// TLS 1.3 over a socket that is already connected, with a key that both sides have (external PSK, psk_dhe_ke) in place
// of certificates. Each connection brings a fresh Diffie-Hellman exchange: a secret that leaks later opens nothing.
#pragma once

#include <lockstep/comm/tcp/crypto.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace lockstep::detail {

/// What OpenSSL is told once and all connections share.
class TlsContext {
 public:
  TlsContext() = default;
  TlsContext(TlsContext&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
  TlsContext& operator=(TlsContext&& other) noexcept {
    std::swap(context_, other.context_);
    return *this;
  }
  ~TlsContext() { ::SSL_CTX_free(context_); }

  LOCKSTEP_ON_DEMAND static TlsContext make() {
    TlsContext result;
    result.context_ = ::SSL_CTX_new(::TLS_method());
    SSL_CTX* context = result.context_;
    if (context == nullptr || ::SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        ::SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1 ||
        ::SSL_CTX_set_num_tickets(context, 0) != 1) {
      throw crypto_error("set up TLS 1.3");
    }
    ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    ::SSL_CTX_set_read_ahead(context, 1);
    ::SSL_CTX_set_psk_use_session_callback(context, &use_session);
    ::SSL_CTX_set_psk_find_session_callback(context, &find_session);
    return result;
  }

  explicit operator bool() const { return context_ != nullptr; }
  SSL_CTX* get() const { return context_; }

 private:
  static constexpr unsigned char identity[] = {'l', 'o', 'c', 'k', 's', 't', 'e', 'p'};

  /// The one session that both sides can make out of the key that the handshake before gave them.
  static SSL_SESSION* make_session(SSL* connection) {
    static constexpr unsigned char aes_128_gcm_sha256[] = {0x13, 0x01};
    const auto* key = static_cast<const Digest*>(SSL_get_app_data(connection));
    const SSL_CIPHER* cipher = ::SSL_CIPHER_find(connection, aes_128_gcm_sha256);
    SSL_SESSION* session = ::SSL_SESSION_new();
    if (key != nullptr && cipher != nullptr && session != nullptr &&
        ::SSL_SESSION_set1_master_key(session, raw(*key), key->size()) == 1 &&
        ::SSL_SESSION_set_cipher(session, cipher) == 1 &&
        ::SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1) {
      return session;
    }
    ::SSL_SESSION_free(session);
    return nullptr;
  }

  static int use_session(SSL* connection, const EVP_MD*, const unsigned char** id, std::size_t* id_length,
                         SSL_SESSION** session) {
    *session = make_session(connection);
    *id = identity;
    *id_length = sizeof identity;
    return *session != nullptr;
  }

  static int find_session(SSL* connection, const unsigned char* id, std::size_t id_length, SSL_SESSION** session) {
    const bool known = id_length == sizeof identity && std::memcmp(id, identity, id_length) == 0;
    *session = known ? make_session(connection) : nullptr;
    return !known || *session != nullptr;
  }

  SSL_CTX* context_ = nullptr;
};

/// OpenSSL's own socket transport writes with write(2), which raises SIGPIPE; this one does not.
class SocketBio {
 public:
  LOCKSTEP_ON_DEMAND static BIO* make(int socket) {
    static const Method method;
    BIO* bio = method.value == nullptr ? nullptr : ::BIO_new(method.value);
    if (bio == nullptr) throw crypto_error("make a transport");
    ::BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
    ::BIO_set_init(bio, 1);
    return bio;
  }

 private:
  struct Method {
    BIO_METHOD* value = ::BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without signals");
    Method() {
      if (value == nullptr) return;
      ::BIO_meth_set_write(value, &write);
      ::BIO_meth_set_read(value, &read);
      ::BIO_meth_set_ctrl(value, &control);
    }
    Method(const Method&) = delete;
    Method& operator=(const Method&) = delete;
    ~Method() { ::BIO_meth_free(value); }
  };

  static int socket_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(::BIO_get_data(bio))); }

  static int write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t count = ::send(socket_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
    return static_cast<int>(count);
  }

  static int read(BIO* bio, char* data, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t count = ::recv(socket_of(bio), data, static_cast<std::size_t>(size), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
    if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return static_cast<int>(count);
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
  }
};

/// What an operation on a connection came to, besides bytes.
enum class TlsStatus { done, wants_read, wants_write, closed, failed };

/// One connection's TLS, or none. The socket belongs to someone else, who keeps it open meanwhile.
class TlsSession {
 public:
  TlsSession() = default;
  LOCKSTEP_ON_DEMAND TlsSession(const TlsContext& context, int socket, bool is_client, const Digest& key)
      : state_(std::make_unique<State>()) {
    state_->key = key;
    state_->connection = ::SSL_new(context.get());
    if (state_->connection == nullptr) throw crypto_error("make a TLS connection");
    BIO* bio = SocketBio::make(socket);
    ::SSL_set_bio(state_->connection, bio, bio);
    SSL_set_app_data(state_->connection, &state_->key);
    if (is_client) {
      ::SSL_set_connect_state(state_->connection);
    } else {
      ::SSL_set_accept_state(state_->connection);
    }
  }

  explicit operator bool() const { return state_ != nullptr; }
  void reset() { state_.reset(); }

  LOCKSTEP_ON_DEMAND TlsStatus handshake() {
    ::ERR_clear_error();
    const int result = ::SSL_do_handshake(state_->connection);
    if (result != 1) return status(result);
    ::OPENSSL_cleanse(state_->key.data(), state_->key.size());
    return TlsStatus::done;
  }

  LOCKSTEP_ON_DEMAND TlsStatus read(std::span<std::byte> to, std::size_t& count) {
    ::ERR_clear_error();
    const int result = ::SSL_read_ex(state_->connection, to.data(), to.size(), &count);
    return result == 1 ? TlsStatus::done : status(result);
  }

  LOCKSTEP_ON_DEMAND TlsStatus write(std::span<const std::byte> from, std::size_t& count) {
    ::ERR_clear_error();
    const int result = ::SSL_write_ex(state_->connection, from.data(), from.size(), &count);
    return result == 1 ? TlsStatus::done : status(result);
  }

  /// Tells the other side that no more bytes come, if the socket takes it.
  LOCKSTEP_ON_DEMAND void say_goodbye() {
    ::ERR_clear_error();
    ::SSL_shutdown(state_->connection);
    ::ERR_clear_error();
  }

  /// Whether received bytes wait in here, which poll does not know of.
  bool has_buffered() const { return ::SSL_has_pending(state_->connection) == 1; }

 private:
  struct State {
    SSL* connection = nullptr;
    Digest key{};
    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
      ::SSL_free(connection);
      ::OPENSSL_cleanse(key.data(), key.size());
    }
  };

  LOCKSTEP_ON_DEMAND TlsStatus status(int result) {
    const int code = errno;
    const int reason = ::SSL_get_error(state_->connection, result);
    if (reason == SSL_ERROR_WANT_READ) return TlsStatus::wants_read;
    if (reason == SSL_ERROR_WANT_WRITE) return TlsStatus::wants_write;
    if (reason == SSL_ERROR_ZERO_RETURN) return TlsStatus::closed;
    const unsigned long error = ::ERR_peek_error();
    ::ERR_clear_error();
    if (ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return TlsStatus::closed;
    errno = reason == SSL_ERROR_SYSCALL && code != 0 ? code : EPROTO;
    return TlsStatus::failed;
  }

  std::unique_ptr<State> state_;
};

}  // namespace lockstep::detail
