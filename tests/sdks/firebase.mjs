// An application on Firebase's JavaScript SDK: a typed turn and a spoken one. Prints a line for each turn.
import { initializeApp } from "firebase/app";
import { AgentPlatformBackend, getAI, getLiveGenerativeModel, GoogleAIBackend, ResponseModality } from "firebase/ai";

// Firebase's host is written into the SDK, which uses the global WebSocket: here it connects to the emulator instead.
// Node has one since version 22.
const { WebSocket } = globalThis.WebSocket ? globalThis : await import("ws");
const emulator = new URL(process.env.GOOGLE_GEMINI_BASE_URL).host;
globalThis.WebSocket = class extends WebSocket {
  constructor(url) {
    super(url.replace("firebasevertexai.googleapis.com", emulator));
  }
};

const app = initializeApp({ apiKey: "any", appId: "1:1:web:1", projectId: "my-app" });
const backend = process.argv[2] === "vertex" ? new AgentPlatformBackend("us-central1") : new GoogleAIBackend();
const model = getLiveGenerativeModel(getAI(app, { backend }), {
  model: "gemini-3.8-live",
  generationConfig: {
    responseModalities: [ResponseModality.AUDIO],
    inputAudioTranscription: {},
    outputAudioTranscription: {},
  },
});
const session = await model.connect();
const messages = session.receive(); // one for the whole session: it cannot be used again once it has been left

async function turn() {
  const told = { audio: 0, heard: "", said: "" };
  for (;;) {
    const { value: message } = await messages.next();
    for (const part of message.modelTurn?.parts ?? []) {
      told.audio += Buffer.from(part.inlineData?.data ?? "", "base64").length;
    }
    told.heard += message.inputTranscription?.text ?? "";
    told.said += message.outputTranscription?.text ?? "";
    if (message.turnComplete) return console.log(JSON.stringify(told));
  }
}

await session.send("hello");
await turn();
const second = Int16Array.from({ length: 16_000 }, (_, n) => 10_000 * Math.sin((2 * Math.PI * 440 * n) / 16_000));
for (const samples of [second, new Int16Array(32_000)]) {
  for (let start = 0; start < samples.length; start += 512) {
    const data = Buffer.from(samples.slice(start, start + 512).buffer).toString("base64");
    await session.sendAudioRealtime({ mimeType: "audio/pcm", data });
  }
}
await turn();
await session.close();
