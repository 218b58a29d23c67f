# bash completion for sluicectl, made by `sluicectl completion bash`. To use it:
#   source scripts/completion/sluicectl.bash

_sluicectl() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD - 1]}"
  local words="" options="" values="" command="" object="" i
  local global="--socket --json --watch --version --help"
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${COMP_WORDS[i]}" in
    --socket | --watch) ((i++)) ;;
    -*) ;;
    *)
      if [[ -z $object ]]; then
        object="${COMP_WORDS[i]}"
      elif [[ -z $command ]]; then
        command="${COMP_WORDS[i]}"
      fi
      ;;
    esac
  done
  case "$previous" in
  --socket) COMPREPLY=($(compgen -f -- "$current")); return ;;
  --watch) return ;;
  esac
  if [[ -z $object ]]; then
    COMPREPLY=($(compgen -W "call version session endpoint route stream port neighbor worker drop events shutdown $global" -- "$current"))
    return
  fi
  if [[ -z $command ]]; then
    case "$object" in
    drop) words="list" ;;
    endpoint) words="create connect list get remove" ;;
    neighbor) words="list" ;;
    port) words="list" ;;
    route) words="create switch list get remove" ;;
    session) words="create renew list get remove" ;;
    stream) words="list" ;;
    worker) words="list" ;;
    call) words="version session.create session.renew session.list session.get session.remove endpoint.create endpoint.connect endpoint.list endpoint.get endpoint.remove route.create route.switch route.list route.get route.remove stream.list port.list neighbor.list worker.list drop.list event.subscribe shutdown" ;;
    esac
  fi
  case "$object${command:+ $command}" in
    "version") options="" ;;
    "session create") options="--id --idle-timeout-s --lease-s" ;;
    "session renew") options="--id --idle-timeout-s --lease-s" ;;
    "session list") options="--prefix --older-than-s --cursor --limit --count" ;;
    "session get") options="--id" ;;
    "session remove") options="--id" ;;
    "endpoint create") options="--session --id --kind --port --family --local-address --rtcp-mux --mid-extension-id --rid-extension-id --repaired-rid-extension-id --repair-payload-types --dscp --idle-timeout-s --remote --latch --latch-network --profile --receive-key --send-key --receive-mki-value --receive-mki-length --send-mki-value --send-mki-length --rollover-counters --srtcp-index --consent-timeout-ms --transport --dtls-setup --dtls-fingerprints --ice-ufrag --ice-password" ;;
    "endpoint connect") options="--session --id --idle-timeout-s --consent-timeout-ms --kind --rtcp-mux --remote --profile --receive-key --send-key --receive-mki-value --receive-mki-length --send-mki-value --send-mki-length --rollover-counters --dtls-setup --dtls-fingerprints --ice-ufrag --ice-password" ;;
    "endpoint list") options="--session --kind --state --port --cursor --limit --count" ;;
    "endpoint get") options="--session --id --show-keys" ;;
    "endpoint remove") options="--session --id" ;;
    "route create") options="--session --id --from --from-ssrc --from-payload-types --from-mid --from-rid --to --ssrc --clock-rate --payload-types --header-extensions --keyframe-on-switch --rollover-counter --sequence --retransmit --dscp" ;;
    "route switch") options="--session --id --from --from-ssrc --from-payload-types --from-mid --from-rid" ;;
    "route list") options="--session --from --to --cursor --limit --count" ;;
    "route get") options="--session --id" ;;
    "route remove") options="--session --id" ;;
    "stream list") options="--session --endpoint --ssrc --cursor --limit --count" ;;
    "port list") options="--udp-port --cursor --limit" ;;
    "neighbor list") options="--port --state --cursor --limit --count" ;;
    "worker list") options="" ;;
    "drop list") options="--worker" ;;
    "events") options="" ;;
    "shutdown") options="" ;;
  esac
  case "$object${command:+ $command} $previous" in
    "endpoint create --kind") values="rtp sdes webrtc" ;;
    "endpoint create --family") values="ipv4 ipv6" ;;
    "endpoint create --latch") values="fixed once authenticated" ;;
    "endpoint create --profile") values="AEAD_AES_128_GCM AEAD_AES_256_GCM AES_CM_128_HMAC_SHA1_80 AES_CM_128_HMAC_SHA1_32" ;;
    "endpoint create --transport") values="own shared" ;;
    "endpoint create --dtls-setup") values="passive active actpass" ;;
    "endpoint connect --kind") values="rtp sdes webrtc" ;;
    "endpoint connect --profile") values="AEAD_AES_128_GCM AEAD_AES_256_GCM AES_CM_128_HMAC_SHA1_80 AES_CM_128_HMAC_SHA1_32" ;;
    "endpoint connect --dtls-setup") values="passive active actpass" ;;
    "endpoint list --kind") values="rtp sdes webrtc" ;;
    "endpoint list --state") values="allocated connecting connected flowing failed removing" ;;
    "neighbor list --state") values="asking reachable polling checking failed" ;;
  esac
  if [[ -n $values ]]; then
    COMPREPLY=($(compgen -W "$values" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words $options $global" -- "$current"))
  fi
}
complete -F _sluicectl sluicectl
