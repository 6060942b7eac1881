// Somebody else's program, on the official JavaScript SDK: it knows nothing of livecli. Prints a line for each turn.
import { GoogleGenAI, Modality } from "@google/genai";
import { OAuth2Client } from "google-auth-library";

function client(platform) {
  if (platform !== "vertex") return new GoogleGenAI({ apiKey: "any" });
  delete process.env.GOOGLE_API_KEY; // Else the SDK prints on stdout that the project takes precedence.
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: "any", expiry_date: Date.now() + 3_600_000 });
  return new GoogleGenAI({ vertexai: true, project: "p1", location: "us-central1", googleAuthOptions: { authClient } });
}

const messages = [];
let wake = () => {};
const session = await client(process.argv[2]).live.connect({
  model: "gemini-3.8-live",
  config: {
    responseModalities: [Modality.AUDIO],
    inputAudioTranscription: {},
    outputAudioTranscription: {},
    realtimeInputConfig: { automaticActivityDetection: { disabled: true } },
  },
  callbacks: {
    onmessage: (message) => (messages.push(message), wake()),
    onerror: (event) => console.error("error", event.message),
    onclose: (event) => console.error("closed", event.code, event.reason),
  },
});

async function turn() {
  const told = { audio: 0, heard: "", said: "" };
  for (;;) {
    if (!messages.length) await new Promise((resolve) => (wake = resolve));
    const content = messages.shift().serverContent ?? {};
    for (const part of content.modelTurn?.parts ?? []) {
      told.audio += Buffer.from(part.inlineData?.data ?? "", "base64").length;
    }
    told.heard += content.inputTranscription?.text ?? "";
    told.said += content.outputTranscription?.text ?? "";
    if (content.turnComplete) return console.log(JSON.stringify(told));
  }
}

const halfASecond = Buffer.alloc(16_000, 2);
session.sendRealtimeInput({ activityStart: {} });
for (let start = 0; start < halfASecond.length; start += 1_024) {
  const data = halfASecond.subarray(start, start + 1_024).toString("base64");
  session.sendRealtimeInput({ audio: { data, mimeType: "audio/pcm;rate=16000" } });
}
session.sendRealtimeInput({ activityEnd: {} });
await turn();
session.sendRealtimeInput({ text: "hello" });
await turn();
session.sendClientContent({ turns: "again", turnComplete: true });
await turn();
session.close();
