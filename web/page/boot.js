(async () => {
  const text = document.getElementById("player").textContent;
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const code = await new Response(stream).arrayBuffer();
  const script = document.createElement("script");
  script.src = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  document.head.append(script);
})().catch((error) => {
  const place = document.getElementById("error");
  place.textContent = `This page needs a newer browser: ${error.message}`;
  place.hidden = false;
});
