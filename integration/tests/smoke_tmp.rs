use serde_json::json;
use tollgate_integration::stack::*;
#[tokio::test]
async fn smoke() {
    let stack = Stack::start(Options::default()).await;
    for body in [json!({"messages":[{"role":"user","content":"hi there"}]}), json!({"stream":true,"messages":[{"role":"user","content":"hi there"}]})] {
    let a = stack.chat(&body).header("x-fake-output-tokens","20").send().await.unwrap();
    println!("{} {:?}", a.status(), a.headers());
    println!("{}", a.text().await.unwrap());
    }
    let a = stack.callers.http2().post(stack.callers.url(CHAT_PATH)).header("api-key","nope").body("{}").send().await.unwrap();
    println!("{} {:?}", a.status(), a.headers());
    println!("{}", a.text().await.unwrap());
    for l in stack.envoy.access_log().wait_for_count("3",3).await {println!("LOG {l}")}
    for l in stack.tollgate().audit().wait_for_count("3",3).await {println!("AUDIT {l}")}
    println!("{:?}", stack.azure.ledger());
    println!("{:?}", stack.azure.violations());
    println!("{}", stack.tollgate().metrics().await.unwrap().lines().filter(|l| !l.starts_with('#') && !l.contains("bucket")).collect::<Vec<_>>().join("\n"));
    // many concurrent
    let t=std::time::Instant::now();
    let mut set=tokio::task::JoinSet::new();
    for _ in 0..600 { let r=stack.chat(&json!({"stream":true,"messages":[]})).header("x-fake-canned","1").header("x-fake-output-tokens","20").header("x-fake-event-delay-us","100000"); set.spawn(async move { let a=r.send().await.unwrap(); let s=a.status(); let t=a.text().await; (s, t.map(|t|t.ends_with("data: [DONE]\n\n")).unwrap_or(false)) }); }
    let mut ok=std::collections::BTreeMap::new();
    while let Some(r)=set.join_next().await { *ok.entry(format!("{:?}",r.unwrap())).or_insert(0)+=1; }
    println!("{ok:?} {:?}",t.elapsed());
    for (k,v) in stack.envoy.stats().await.unwrap(){ if k.starts_with("cluster.tollgate") && v>0 {println!("{k} {v}")}}
}
