// Swagger UI, from files that this service holds: the page works with no network.
const description = await (await fetch("openapi.json")).json();
window.SwaggerUIBundle({
  // Its requests go to where this page is, which may be a path of a larger site.
  spec: { ...description, servers: [{ url: new URL(".", location.href).pathname }] },
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
});
