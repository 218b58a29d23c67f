// The page of a browser that publishes and views, one peer connection for each party. tests/lab/browser.py
// calls the functions in `lab`.
//
// A publisher's picture has the number of the frame in 16 black or white fields, and their inverse below. A
// viewer reads it from each picture that it shows, so a broken picture does not count as one.
"use strict";

const lab = (() => {
  const WIDTH = 320;
  const HEIGHT = 180;
  const FIELD = 20; // pixels; WIDTH / FIELD is the number of bits
  const BITS = WIDTH / FIELD;
  const DETAIL = 60;
  const parties = new Map();

  function paint(context, number) {
    context.fillStyle = `hsl(${(number * 7) % 360} 60% 45%)`;
    context.fillRect(0, 0, WIDTH, HEIGHT);
    // Enough detail that a picture takes more than one packet.
    for (let spot = 0; spot < DETAIL; ++spot) {
      context.fillStyle = `hsl(${Math.random() * 360} 80% 60%)`;
      context.fillRect(Math.random() * WIDTH, 2 * FIELD + Math.random() * HEIGHT, 12, 12);
    }
    for (let bit = 0; bit < BITS; ++bit) {
      const white = (number >> bit) & 1;
      context.fillStyle = white ? "white" : "black";
      context.fillRect(bit * FIELD, 0, FIELD, FIELD);
      context.fillStyle = white ? "black" : "white";
      context.fillRect(bit * FIELD, FIELD, FIELD, FIELD);
    }
  }

  // The number in a picture, or null when a field and its inverse do not differ clearly.
  function read(context) {
    let number = 0;
    for (let bit = 0; bit < BITS; ++bit) {
      const x = bit * FIELD + FIELD / 2;
      const green = (y) => context.getImageData(x, y, 1, 1).data[1];
      const [upper, lower] = [green(FIELD / 2), green(FIELD + FIELD / 2)];
      if (Math.abs(upper - lower) < 60) return null;
      if (upper > lower) number |= 1 << bit;
    }
    return number;
  }

  function codec(kind, mime, fmtp) {
    const wanted = (item) => item.mimeType.toLowerCase() === mime.toLowerCase();
    const variant = (item) => (item.sdpFmtpLine || "").includes(fmtp);
    return RTCRtpSender.getCapabilities(kind).codecs.find((item) => wanted(item) && variant(item)) ?? null;
  }

  function connection(id) {
    const party = { pc: new RTCPeerConnection({ bundlePolicy: "max-bundle" }), close: [] };
    parties.set(id, party);
    return party;
  }

  let tone = null;
  function audioTrack() {
    if (!tone) {
      const context = new AudioContext();
      const oscillator = context.createOscillator();
      tone = context.createMediaStreamDestination();
      oscillator.connect(tone);
      oscillator.start();
    }
    return tone.stream.getAudioTracks()[0].clone();
  }

  // Makes an offer of one video and one audio stream. Returns its SDP. The pictures' numbers begin after
  // `number`. `direction`: sendonly, or sendrecv to view others on the same connection.
  async function publish(id, mime, fmtp, fps, number, direction) {
    const party = connection(id);
    if (direction === "sendrecv") watch(party);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [WIDTH, HEIGHT];
    const context = canvas.getContext("2d");
    const video = canvas.captureStream(0).getVideoTracks()[0];
    party.number = number;
    const timer = setInterval(() => {
      paint(context, ++party.number);
      video.requestFrame();
    }, 1000 / fps);
    party.close.push(() => clearInterval(timer), () => video.stop());
    for (const [track, name, parameters] of [[video, mime, fmtp], [audioTrack(), "audio/opus", ""]]) {
      const line = party.pc.addTransceiver(track, { direction });
      line.setCodecPreferences([codec(track.kind, name, parameters)]);
    }
    await party.pc.setLocalDescription();
    return party.pc.localDescription.sdp;
  }

  // Ends what a publisher sends; the connection stays.
  async function stop(id) {
    await Promise.all(parties.get(id).pc.getSenders().map((sender) => sender.replaceTrack(null)));
  }

  // Begins ICE anew. Returns the SDP of an offer.
  async function restart(id) {
    const { pc } = parties.get(id);
    pc.restartIce();
    await pc.setLocalDescription();
    return pc.localDescription.sdp;
  }

  async function answered(id, sdp) {
    await parties.get(id).pc.setRemoteDescription({ type: "answer", sdp });
  }

  function show(party, stream) {
    const video = document.createElement("video");
    [video.muted, video.autoplay, video.srcObject] = [true, true, stream];
    document.body.append(video);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [WIDTH, HEIGHT];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const shown = party.shown;
    const frame = () => {
      context.drawImage(video, 0, 0, WIDTH, HEIGHT);
      const number = read(context);
      if (number === null) {
        shown.unreadable += shown.count > 0; // the first may come before there is a picture
      } else {
        if (shown.last !== null && number < shown.last) ++shown.backwards;
        ++shown.count;
        shown.last = number;
      }
      video.requestVideoFrameCallback(frame);
    };
    video.requestVideoFrameCallback(frame);
    party.close.push(() => video.remove());
  }

  function play(party, stream) {
    const audio = document.createElement("audio");
    [audio.autoplay, audio.srcObject] = [true, stream];
    document.body.append(audio);
    party.close.push(() => audio.remove());
  }

  function watch(party) {
    party.shown = { count: 0, last: null, backwards: 0, unreadable: 0 };
    party.pc.ontrack = ({ track }) => {
      (track.kind === "video" ? show : play)(party, new MediaStream([track]));
    };
  }

  // Answers an offer. Returns the answer's SDP.
  async function view(id, sdp) {
    const party = connection(id);
    watch(party);
    await party.pc.setRemoteDescription({ type: "offer", sdp });
    await party.pc.setLocalDescription();
    return party.pc.localDescription.sdp;
  }

  // {state, ice, painted, shown, transport, video, audio}: the last two are inbound-rtp of one that views,
  // else outbound-rtp.
  async function stats(id) {
    const party = parties.get(id);
    const found = { state: party.pc.connectionState, ice: party.pc.iceConnectionState };
    [found.shown, found.painted] = [party.shown && { ...party.shown }, party.number];
    const streams = party.shown ? "inbound-rtp" : "outbound-rtp";
    const report = await party.pc.getStats();
    for (const item of report.values()) {
      if (item.type === streams)
        found[item.kind] = { ...item, codec: report.get(item.codecId)?.mimeType };
      if (item.type === "transport") found.transport = item;
    }
    return found;
  }

  function close(id) {
    const party = parties.get(id);
    if (!party) return;
    for (const action of party.close) action();
    party.pc.close();
    parties.delete(id);
  }

  return {
    publish,
    stop,
    answered,
    restart,
    view,
    stats,
    close,
    canSend: (kind, mime, fmtp) => codec(kind, mime, fmtp) !== null,
  };
})();
