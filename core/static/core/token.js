// A form goes with the token of now, not of when its page was opened: after signing in again in another tab it just works.
// Where somebody else has signed in since, the old token stays, and is refused: nothing is done in another account.
const { account } = document.body.dataset;
if (account) localStorage.setItem("account", account);

document.addEventListener("formdata", ({ formData }) => {
  const token = /(?:^|; )csrftoken=(\w+)/.exec(document.cookie)?.[1];
  const isSomebodyElse = account && localStorage.getItem("account") !== account;
  if (token && !isSomebodyElse && formData.has("csrfmiddlewaretoken")) formData.set("csrfmiddlewaretoken", token);
});
