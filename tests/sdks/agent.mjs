// Somebody else's agent, on the official JavaScript SDK: a function that the model calls, a session that is resumed on a
// second connection, a reply that is spoken over. Prints a line for each turn.
import { GoogleGenAI, Modality, Type } from "@google/genai";
import { OAuth2Client } from "google-auth-library";

const WEATHER = {
  name: "get_weather",
  description: "The weather in a city.",
  parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] },
};

function client(platform) {
  if (platform !== "vertex") return new GoogleGenAI({ apiKey: "any" });
  delete process.env.GOOGLE_API_KEY; // Else the SDK prints on stdout that the project takes precedence.
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: "any", expiry_date: Date.now() + 3_600_000 });
  return new GoogleGenAI({ vertexai: true, project: "p1", location: "us-central1", googleAuthOptions: { authClient } });
}

let handle;
const live = client(process.argv[2]).live;

async function connect(config) {
  const messages = [];
  let wake = () => {};
  let close;
  const closed = new Promise((resolve) => (close = resolve));
  const session = await live.connect({
    model: process.argv[3],
    config: {
      responseModalities: [Modality.AUDIO],
      outputAudioTranscription: {},
      sessionResumption: { handle },
      ...config,
    },
    callbacks: {
      onmessage: (message) => (messages.push(message), wake()),
      onerror: (event) => console.error("error", event.message),
      onclose: (event) => (console.error("closed", event.code, event.reason), close()),
    },
  });

  async function turn(interruptWith) {
    const told = { called: [], said: "", interrupted: false };
    for (;;) {
      if (!messages.length) await new Promise((resolve) => (wake = resolve));
      const message = messages.shift();
      if (message.sessionResumptionUpdate?.resumable) handle = message.sessionResumptionUpdate.newHandle;
      for (const { id, name, args } of message.toolCall?.functionCalls ?? []) {
        told.called.push([name, args]);
        const response = { output: `sunny in ${args.city}` };
        session.sendToolResponse({ functionResponses: [{ id, name, response }] });
      }
      const content = message.serverContent ?? {};
      told.said += content.outputTranscription?.text ?? "";
      told.interrupted ||= content.interrupted ?? false;
      if (content.modelTurn && interruptWith) {
        session.sendClientContent({ turns: interruptWith });
        interruptWith = undefined;
      }
      if (content.turnComplete) return console.log(JSON.stringify(told)), told.said;
    }
  }

  async function askForTheWeather() {
    session.sendClientContent({ turns: 'call get_weather {"city": "Bern"}' });
    while (!(await turn())); // the model may end its turn with the call, or keep it open for what the function returns
  }

  return {
    turn,
    askForTheWeather,
    say: (turns) => session.sendClientContent({ turns }),
    close: () => (session.close(), closed),
  };
}

let session = await connect({ tools: [{ functionDeclarations: [WEATHER] }] });
await session.askForTheWeather();
await session.close();
session = await connect(); // with the tools of the session that is resumed
await session.askForTheWeather();
session.say("a long story ".repeat(20));
await session.turn("stop");
await session.turn();
await session.close();
